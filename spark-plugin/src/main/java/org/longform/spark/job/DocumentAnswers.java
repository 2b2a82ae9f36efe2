package org.longform.spark.job;

import java.io.Serializable;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkEnv;
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
import org.longform.spark.job.recovery.Attempts;
import org.longform.spark.job.recovery.WorkDirectory;
import org.longform.spark.sink.AnswerRow;
import org.longform.sql.TaskListener;

/**
 * What a task does with one document: reads it once, however many questions there are, and makes a
 * row of each answer. Whatever goes wrong with a document is data.
 *
 * @param configHash of the rows
 * @param options for the reader
 * @param modelRevision of the model as the driver sees it
 * @param work where the executors mark what they begin, and leave how far they are
 */
record DocumentAnswers(
    ReaderSource readers,
    Task task,
    Map<String, String> options,
    String configHash,
    String runId,
    String modelRevision,
    WorkDirectory work,
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
    TaskContext context = TaskContext.get();
    requireModel();
    Attempts.Mark mark = work.attempts().begin(document.pending().contentHash());
    List<Answer> answers;
    try {
      answers = answers(document, mark);
      // what was interrupted is no result: the task must end, not write rows
      if (context != null) {
        context.killTaskIfInterrupted();
      }
    } catch (RuntimeException e) {
      mark.close();
      throw e;
    }
    // after an Error the process ends, and the mark must tell of it
    mark.close();
    counters.documentsRead().add(1);
    return rows(document.pending(), answers, startedAt);
  }

  // no fault of the document, so not an error of its rows: the task fails, and may find it
  // elsewhere
  private void requireModel() {
    try {
      readers.requireModelRevision(options, modelRevision);
    } catch (LongformException e) {
      throw new LongformException(
          e.errorClass(),
          "Cannot read documents on executor %s (%s): %s"
              .formatted(
                  SparkEnv.get().executorId(),
                  SparkEnv.get().blockManager().blockManagerId().host(),
                  e.getMessage()),
          e);
    }
  }

  /** The rows of a document that is not read any more: every executor that read it ended. */
  List<Row> givenUp(PendingDocument document) {
    List<String> questions = document.questions().stream().map(PendingQuestion::question).toList();
    AnswerError error =
        new AnswerError(
            ErrorClass.CRASHED,
            "Cannot read document '%s': the executor ended each time it was read (%d times, the last time with nothing beside it). See the executors' logs; leave the document out, or run again with --retry-failed."
                .formatted(document.docId(), document.crashes()));
    // the attempt that is refused here is the last one that crashed
    return rows(
        document.withCrashes(document.crashes() - 1), refused(questions, error), Instant.now());
  }

  private List<Row> rows(PendingDocument document, List<Answer> answers, Instant startedAt) {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < answers.size(); i++) {
      PendingQuestion question = document.questions().get(i);
      rows.add(
          new AnswerRow(
                  new AnswerRow.Key(document.contentHash(), configHash, task, question.question()),
                  document.docId(),
                  answers.get(i),
                  question.attempt() + document.crashes(),
                  runId,
                  startedAt,
                  document.sourcePath())
              .toRow());
    }
    return rows;
  }

  private List<Answer> answers(Arrived document, Attempts.Mark mark) {
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
                  new Listener(TaskContext.get()),
                  work.checkpoint(document.pending().contentHash(), mark::forgetOthers)));
      if (answers.size() != questions.size()) {
        throw new LongformException(
            ErrorClass.INTERNAL,
            "Cannot take the answers: %d questions have %d answers. Please report it."
                .formatted(questions.size(), answers.size()));
      }
      return answers;
    } catch (RuntimeException | OutOfMemoryError | StackOverflowError | LinkageError e) {
      return refused(questions, AnswerError.of(e));
    }
  }

  private static List<Answer> refused(List<String> questions, AnswerError error) {
    return Collections.nCopies(questions.size(), Answer.refused(error));
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
