package org.longform.read;

import java.util.List;

/** Reads documents with one model and one set of options. Thread-safe. */
public interface DocumentReader {
  /**
   * One answer for each question, in order. Failures are data: the answers then carry the error.
   * Nothing is thrown for a bad document.
   */
  List<Answer> read(ReadRequest request);

  /** Tokens of a text, without any the prompt would add. */
  long countTokens(String text);
}
