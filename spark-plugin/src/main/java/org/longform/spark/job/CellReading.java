package org.longform.spark.job;

import java.io.Serializable;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Row;
import org.apache.spark.util.LongAccumulator;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.read.Answer;
import org.longform.read.AnswerError;
import org.longform.read.ReadRequest;
import org.longform.spark.compare.Cell;
import org.longform.spark.compare.Cell.Answered;
import org.longform.spark.compare.Cell.Origin;
import org.longform.spark.compare.Cell.Usage;
import org.longform.spark.compare.Measure;
import org.longform.spark.compare.PositionScores;
import org.longform.spark.job.input.AskedDocuments;
import org.longform.sql.TaskListener;

/**
 * What a task of a comparison does: reads one document in one way and measures. Whatever goes wrong
 * is data.
 */
record CellReading(
    ReaderSource readers, String runId, LongAccumulator tokensRead, LongAccumulator cellsRead)
    implements Serializable {
  private static final int TEXT = AskedDocuments.DOCUMENT.fieldIndex("text");
  private static final int PROBLEM = AskedDocuments.DOCUMENT.fieldIndex("problem");
  private static final int QUESTIONS = AskedDocuments.DOCUMENT.fieldIndex("questions");
  private static final double NANOS_PER_MILLI = 1e6;

  /**
   * @param document a row of {@link AskedDocuments#DOCUMENT}
   * @return a row of {@link Cell#LAYOUT}
   */
  Row read(PendingCell pending, Row document) {
    Instant startedAt = Instant.now();
    TaskContext context = TaskContext.get();
    List<Row> asked =
        pending.key().measure() == Measure.ANSWERS ? document.getList(QUESTIONS) : List.of();
    Meter meter = new Meter(context);
    List<Answer> answers;
    AnswerError error = null;
    long started = System.nanoTime();
    try {
      answers = answers(pending, document, asked, meter);
    } catch (RuntimeException | OutOfMemoryError | StackOverflowError | LinkageError e) {
      answers = List.of();
      error = AnswerError.of(e);
    }
    long nanos = System.nanoTime() - started - meter.waited;
    // what was interrupted is no result: the task must end, not write a row
    if (context != null) {
      context.killTaskIfInterrupted();
    }
    cellsRead.add(1);
    if (error == null && answers.stream().allMatch(answer -> answer.error() != null)) {
      error = answers.get(0).error();
    }
    Answer first = answers.isEmpty() ? null : answers.get(0);
    return new Cell(
            pending.key(),
            pending.contender().label(),
            pending.docId(),
            pending.length(),
            error,
            answered(asked, answers, error),
            meter.scores.buckets(),
            error == null ? usage(answers, meter, nanos) : Usage.NONE,
            new Origin(
                first == null ? null : first.method(),
                first == null ? null : first.model(),
                first == null ? null : first.modelRevision(),
                pending.attempt(),
                runId,
                startedAt))
        .toRow();
  }

  private List<Answer> answers(PendingCell pending, Row document, List<Row> asked, Meter meter) {
    if (document.isNullAt(TEXT)) {
      String problem =
          document.isNullAt(PROBLEM)
              ? "Cannot read document '%s': it has no text. Leave it out or name the column with the text."
                  .formatted(pending.docId())
              : document.getString(PROBLEM);
      throw new LongformException(ErrorClass.EMPTY_DOCUMENT, problem);
    }
    List<String> questions =
        pending.key().measure() == Measure.ANSWERS
            ? asked.stream().map(each -> each.getString(0)).toList()
            : List.of("");
    Map<String, String> options = pending.contender().options();
    List<Answer> answers =
        readers
            .reader(options)
            .read(
                new ReadRequest(
                    document.getString(TEXT),
                    pending.key().measure().task(),
                    questions,
                    pending.key().documentHash(),
                    meter));
    if (answers.size() != questions.size()) {
      throw new IllegalStateException(
          "%d questions have %d answers".formatted(questions.size(), answers.size()));
    }
    return answers;
  }

  /** Questions of a reading that failed keep their places, so that it can be told what failed. */
  private static List<Answered> answered(List<Row> asked, List<Answer> answers, AnswerError error) {
    List<Answered> all = new ArrayList<>();
    for (int i = 0; i < asked.size(); i++) {
      Row question = asked.get(i);
      Answer answer = answers.isEmpty() ? null : answers.get(i);
      all.add(
          new Answered(
              question.getString(0),
              question.getString(1),
              question.isNullAt(2) ? null : question.getDouble(2),
              answer == null ? null : answer.value(),
              answer == null ? error : answer.error()));
    }
    return all;
  }

  private static Usage usage(List<Answer> answers, Meter meter, long nanos) {
    long writing = Math.min(nanos, meter.writing);
    return new Usage(
        answers.stream().mapToLong(Answer::inputTokens).max().orElse(0),
        answers.stream().mapToLong(Answer::outputTokens).sum(),
        answers.stream().mapToLong(Answer::attendedTokens).max().orElse(0), // counted on and on
        meter.peakKvBytes,
        Math.round((nanos - writing) / NANOS_PER_MILLI),
        Math.round(writing / NANOS_PER_MILLI));
  }

  /** Hears what the reading takes, and counts for the progress line. */
  private final class Meter extends TaskListener {
    private final PositionScores scores = new PositionScores();
    private long waited;
    private long writing;
    private long peakKvBytes;

    Meter(TaskContext context) {
      super(context);
    }

    @Override
    public void tokensRead(long tokens) {
      tokensRead.add(tokens);
    }

    @Override
    public void modelReady(long nanos) {
      waited += nanos;
    }

    @Override
    public void decoded(long nanos) {
      writing += nanos;
    }

    @Override
    public void kvHeld(long bytes) {
      peakKvBytes = Math.max(peakKvBytes, bytes);
    }

    @Override
    public void tokenScored(long position, double negativeLogLikelihood) {
      scores.add(position, negativeLogLikelihood);
    }
  }
}
