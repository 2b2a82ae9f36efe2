package org.longform.spark.job;

import java.io.Serializable;
import java.util.List;

/**
 * A document with the questions that have no answer yet.
 *
 * @param contentHash sha256 of the text
 * @param characters length of the text
 */
record PendingDocument(
    String contentHash,
    String docId,
    String sourcePath,
    long characters,
    List<PendingQuestion> questions)
    implements Serializable {

  /**
   * @param attempt 1 for the first
   */
  record PendingQuestion(String question, int attempt) implements Serializable {}
}
