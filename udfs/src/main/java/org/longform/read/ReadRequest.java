package org.longform.read;

import java.util.List;
import org.longform.prompt.Task;

/**
 * One document and what is asked of it.
 *
 * @param text the document; may be of any length
 * @param task what to do
 * @param questions the questions of {@link Task#ASK}, all answered from one reading; one empty
 *     string for other tasks
 * @param rowKey what tells this row from others, so that sampling is repeatable wherever it runs
 * @param listener progress and cancellation
 * @param checkpoint where the reading leaves how far it is
 */
public record ReadRequest(
    String text,
    Task task,
    List<String> questions,
    String rowKey,
    ReadListener listener,
    CheckpointPlace checkpoint) {
  public ReadRequest {
    questions = List.copyOf(questions);
  }

  /** A document that is read from its beginning whenever it is read. */
  public ReadRequest(
      String text, Task task, List<String> questions, String rowKey, ReadListener listener) {
    this(text, task, questions, rowKey, listener, CheckpointPlace.NONE);
  }
}
