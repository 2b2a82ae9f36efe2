package org.longform.spark.job;

import java.io.Serializable;
import java.util.List;

/**
 * A document with the questions that have no answer yet.
 *
 * @param contentHash sha256 of the text
 * @param characters length of the text
 * @param crashes how often an executor ended while it read the document
 */
record PendingDocument(
    String contentHash,
    String docId,
    String sourcePath,
    long characters,
    List<PendingQuestion> questions,
    int crashes)
    implements Serializable {

  PendingDocument(
      String contentHash,
      String docId,
      String sourcePath,
      long characters,
      List<PendingQuestion> questions) {
    this(contentHash, docId, sourcePath, characters, questions, 0);
  }

  PendingDocument withCrashes(int count) {
    return new PendingDocument(contentHash, docId, sourcePath, characters, questions, count);
  }

  /**
   * @param attempt 1 for the first
   */
  record PendingQuestion(String question, int attempt) implements Serializable {}
}
