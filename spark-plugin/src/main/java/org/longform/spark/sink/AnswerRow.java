package org.longform.spark.sink;

import java.sql.Timestamp;
import java.time.Instant;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.longform.prompt.Task;
import org.longform.read.Answer;
import org.longform.sql.AnswerSchema;

/**
 * One answer with what tells its row from others.
 *
 * @param key document, configuration, task and question
 * @param docId what the user calls the document
 * @param answer value or error, usage and evidence
 * @param attempt how often this row was tried, from 1
 * @param runId the run that wrote the row
 * @param startedAt when the document's reading began
 * @param sourcePath the file the document came from
 */
public record AnswerRow(
    Key key,
    String docId,
    Answer answer,
    int attempt,
    String runId,
    Instant startedAt,
    String sourcePath) {

  /**
   * What a row is about; a table holds each key once.
   *
   * @param contentHash sha256 of the text, hexadecimal
   * @param configHash sha256 of model and options, hexadecimal
   * @param question empty where the task has none
   */
  public record Key(String contentHash, String configHash, Task task, String question) {}

  /** As a Spark row of {@link AnswerColumns#TABLE}, which can travel between processes. */
  public Row toRow() {
    return RowFactory.create(
        docId,
        key.contentHash(),
        key.configHash(),
        key.question(),
        key.task().word(),
        answer.value(),
        answer.failure().map(AnswerSchema::errorRow).orElse(null),
        answer.finishReason(),
        answer.inputTokens(),
        answer.outputTokens(),
        answer.attendedTokens(),
        answer.truncated(),
        answer.method(),
        answer.model(),
        answer.modelRevision(),
        answer.seed(),
        answer.latencyMs(),
        AnswerSchema.evidenceRows(answer.evidence()),
        attempt,
        runId,
        Timestamp.from(startedAt),
        sourcePath);
  }
}
