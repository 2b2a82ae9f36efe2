package org.longform.spark.job;

import java.io.Serializable;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Row;
import org.apache.spark.util.LongAccumulator;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.prompt.Task;
import org.longform.read.Answer;
import org.longform.read.AnswerError;
import org.longform.read.DocumentReader;
import org.longform.read.ReadRequest;
import org.longform.spark.job.PendingDocument.PendingQuestion;
import org.longform.spark.sink.AnswerRow;
import org.longform.sql.TaskListener;

/**
 * What a task does with one document: reads it once, however many questions there are, and makes a
 * row of each answer. Whatever goes wrong with a document is data.
 *
 * @param configHash of the rows
 * @param options for the reader
 */
record DocumentAnswers(
    ReaderSource readers,
    Task task,
    Map<String, String> options,
    String configHash,
    String runId,
    Counters counters)
    implements Serializable {

  /** What the progress line counts. */
  record Counters(LongAccumulator tokensRead, LongAccumulator documentsRead)
      implements Serializable {}

  /** A text on its way to the task that reads it; without text there is an error. */
  record Arrived(PendingDocument pending, String text, String errorClass, String errorMessage)
      implements Serializable {}

  List<Row> read(Arrived document) {
    Instant startedAt = Instant.now();
    List<PendingQuestion> questions = document.pending().questions();
    List<Answer> answers = answers(document);
    // what was interrupted is no result: the task must end, not write rows
    TaskContext context = TaskContext.get();
    if (context != null) {
      context.killTaskIfInterrupted();
    }
    counters.documentsRead().add(1);
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < questions.size(); i++) {
      PendingQuestion question = questions.get(i);
      rows.add(
          new AnswerRow(
                  new AnswerRow.Key(
                      document.pending().contentHash(), configHash, task, question.question()),
                  document.pending().docId(),
                  answers.get(i),
                  question.attempt(),
                  runId,
                  startedAt,
                  document.pending().sourcePath())
              .toRow());
    }
    return rows;
  }

  private List<Answer> answers(Arrived document) {
    List<String> questions =
        document.pending().questions().stream().map(PendingQuestion::question).toList();
    if (document.errorClass() != null) {
      return refused(
          questions,
          new AnswerError(ErrorClass.valueOf(document.errorClass()), document.errorMessage()));
    }
    if (task == Task.ASK && questions.equals(List.of(""))) {
      return refused(
          questions,
          new AnswerError(
              ErrorClass.INVALID_INPUT,
              "Cannot ask document '%s': it carries no question. Give it one or use --question."
                  .formatted(document.pending().docId())));
    }
    try {
      DocumentReader reader = readers.reader(options);
      List<Answer> answers =
          reader.read(
              new ReadRequest(
                  document.text(),
                  task,
                  questions,
                  document.pending().contentHash(),
                  new Listener(TaskContext.get())));
      if (answers.size() != questions.size()) {
        throw new LongformException(
            ErrorClass.INTERNAL,
            "Cannot take the answers: %d questions have %d answers. Please report it."
                .formatted(questions.size(), answers.size()));
      }
      return answers;
    } catch (RuntimeException | OutOfMemoryError e) {
      return refused(questions, AnswerError.of(e));
    }
  }

  private static List<Answer> refused(List<String> questions, AnswerError error) {
    Answer none =
        new Answer(null, error, "error", 0, 0, 0, false, null, null, null, 0, 0, List.of());
    return Collections.nCopies(questions.size(), none);
  }

  /** Counts for the progress line and ends the reading when Spark kills the task. */
  private final class Listener extends TaskListener {
    Listener(TaskContext context) {
      super(context);
    }

    @Override
    public void tokensRead(long tokens) {
      counters.tokensRead().add(tokens);
    }
  }
}
