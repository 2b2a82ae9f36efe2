package org.longform.spark.compare;

import java.io.Serializable;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.kernels.error.ErrorClass;
import org.longform.read.AnswerError;
import org.longform.spark.compare.PositionScores.Bucket;
import org.longform.spark.sink.KeyedTable;
import org.longform.sql.AnswerSchema;

/**
 * What one strategy did with one document in one measure.
 *
 * @param strategy label of the contender
 * @param docId what the user calls the document
 * @param length tokens the document counts for, in charts
 * @param error why nothing was measured, else null
 * @param answers of {@link Measure#ANSWERS}
 * @param scores of {@link Measure#PERPLEXITY}
 * @param origin which attempt of which run this is
 */
public record Cell(
    Key key,
    String strategy,
    String docId,
    long length,
    AnswerError error,
    List<Answered> answers,
    List<Bucket> scores,
    Usage usage,
    Origin origin) {

  /** One row for each document, configuration and measure. */
  public static final KeyedTable.Layout LAYOUT =
      new KeyedTable.Layout(
          "comparisons",
          "Comparison of strategies by Longform: one row for each document, configuration and measure.",
          columns(),
          List.of("document_hash", "config_hash", "measure"),
          "longform.comparisons.version",
          "1");

  public Cell {
    answers = List.copyOf(answers);
    scores = List.copyOf(scores);
  }

  /**
   * What a row is about.
   *
   * @param documentHash sha256 of the text and what is asked, hexadecimal
   * @param configHash sha256 of model and options, hexadecimal
   */
  public record Key(String documentHash, String configHash, Measure measure)
      implements Serializable {
    public static Key of(Row row) {
      return new Key(
          row.getAs("document_hash"),
          row.getAs("config_hash"),
          Measure.ofWord(row.getAs("measure")));
    }
  }

  /**
   * A question that was asked.
   *
   * @param expected the right answer, null if it is not known
   * @param depth where the document says so, 0 at its beginning and 1 at its end; null if unknown
   * @param value the answer, null if there is an error
   */
  public record Answered(
      String question, String expected, Double depth, String value, AnswerError error) {

    /** Whether it can be said if the answer is right. */
    boolean judged() {
      return error == null && expected != null && !expected.isBlank();
    }

    OptionalDouble place() {
      return depth == null ? OptionalDouble.empty() : OptionalDouble.of(depth);
    }
  }

  /**
   * What the reading took.
   *
   * @param inputTokens tokens of the prompt, the document included
   * @param attendedTokens cached tokens that blocks attended to
   * @param peakKvBytes most bytes of keys and values in memory at once
   * @param readMillis until the document and the questions were read; the model was loaded already
   * @param writeMillis for the answers
   */
  public record Usage(
      long inputTokens,
      long outputTokens,
      long attendedTokens,
      long peakKvBytes,
      long readMillis,
      long writeMillis) {
    public static final Usage NONE = new Usage(0, 0, 0, 0, 0, 0);

    public double seconds() {
      return (readMillis + writeMillis) / 1000.0;
    }
  }

  /**
   * Where a row comes from.
   *
   * @param attempt how often it was tried, from 1
   * @param runId the run that wrote it
   */
  public record Origin(
      String method,
      String model,
      String modelRevision,
      int attempt,
      String runId,
      Instant startedAt) {}

  public Optional<AnswerError> failure() {
    return Optional.ofNullable(error);
  }

  /** The same, of a contender that is called otherwise now. */
  public Cell withStrategy(String label) {
    return new Cell(key, label, docId, length, error, answers, scores, usage, origin);
  }

  private static StructType columns() {
    StructType answer =
        new StructType()
            .add("question", DataTypes.StringType)
            .add("expected", DataTypes.StringType)
            .add("depth", DataTypes.DoubleType)
            .add("value", DataTypes.StringType)
            .add("error", AnswerSchema.ERROR);
    StructType bucket =
        new StructType()
            .add("from_position", DataTypes.LongType)
            .add("to_position", DataTypes.LongType)
            .add("tokens", DataTypes.LongType)
            .add("nats", DataTypes.DoubleType);
    return new StructType()
        .add("document_hash", DataTypes.StringType, true, "sha256 of the text and its questions")
        .add("config_hash", DataTypes.StringType, true, "sha256 of model and options")
        .add("measure", DataTypes.StringType, true, "answers or perplexity")
        .add("strategy", DataTypes.StringType, true, "The contender as it was written")
        .add("doc_id", DataTypes.StringType, true, "Name of the document")
        .add("length_tokens", DataTypes.LongType, true, "Length the document counts for")
        .add("error", AnswerSchema.ERROR, true, "Why nothing was measured")
        .add(
            "answers",
            DataTypes.createArrayType(answer),
            true,
            "Questions, expected answers, where the document states them, and answers")
        .add(
            "scores",
            DataTypes.createArrayType(bucket),
            true,
            "Negative log-likelihood of the tokens by position, in nats")
        .add("input_tokens", DataTypes.LongType, true, "Tokens read, document and questions")
        .add("output_tokens", DataTypes.LongType, true, "Tokens written")
        .add("attended_tokens", DataTypes.LongType, true, "Cached tokens attended to")
        .add("peak_kv_bytes", DataTypes.LongType, true, "Most bytes of keys and values in memory")
        .add("read_ms", DataTypes.LongType, true, "Milliseconds until all was read")
        .add("write_ms", DataTypes.LongType, true, "Milliseconds for the answers")
        .add("method", DataTypes.StringType, true, "Context strategy with its parameters")
        .add("model", DataTypes.StringType, true, "Name of the model")
        .add("model_revision", DataTypes.StringType, true, "Version of the model")
        .add("attempt", DataTypes.IntegerType, true, "How often the row was tried, from 1")
        .add("run_id", DataTypes.StringType, true, "The run that wrote the row")
        .add("started_at", DataTypes.TimestampType, true, "When the reading began");
  }

  /** As a row of {@link #LAYOUT}, which can travel between processes. */
  public Row toRow() {
    return RowFactory.create(
        key.documentHash(),
        key.configHash(),
        key.measure().word(),
        strategy,
        docId,
        length,
        failure().map(AnswerSchema::errorRow).orElse(null),
        answers.stream()
            .map(
                each ->
                    RowFactory.create(
                        each.question(),
                        each.expected(),
                        each.depth(),
                        each.value(),
                        each.error() == null ? null : AnswerSchema.errorRow(each.error())))
            .toArray(Row[]::new),
        scores.stream()
            .map(each -> RowFactory.create(each.from(), each.to(), each.tokens(), each.nats()))
            .toArray(Row[]::new),
        usage.inputTokens(),
        usage.outputTokens(),
        usage.attendedTokens(),
        usage.peakKvBytes(),
        usage.readMillis(),
        usage.writeMillis(),
        origin.method(),
        origin.model(),
        origin.modelRevision(),
        origin.attempt(),
        origin.runId(),
        Timestamp.from(origin.startedAt()));
  }

  /** The cell of a row that was read from a table. */
  public static Cell of(Row row) {
    return new Cell(
        Key.of(row),
        row.getAs("strategy"),
        row.getAs("doc_id"),
        row.<Long>getAs("length_tokens"),
        error(row.getAs("error")),
        row.<Row>getList(row.fieldIndex("answers")).stream().map(Cell::answered).toList(),
        row.<Row>getList(row.fieldIndex("scores")).stream()
            .map(
                each ->
                    new Bucket(
                        each.getLong(0), each.getLong(1), each.getLong(2), each.getDouble(3)))
            .toList(),
        new Usage(
            row.<Long>getAs("input_tokens"),
            row.<Long>getAs("output_tokens"),
            row.<Long>getAs("attended_tokens"),
            row.<Long>getAs("peak_kv_bytes"),
            row.<Long>getAs("read_ms"),
            row.<Long>getAs("write_ms")),
        new Origin(
            row.getAs("method"),
            row.getAs("model"),
            row.getAs("model_revision"),
            row.<Integer>getAs("attempt"),
            row.getAs("run_id"),
            row.<Timestamp>getAs("started_at").toInstant()));
  }

  private static Answered answered(Row row) {
    return new Answered(
        row.getString(0),
        row.getString(1),
        row.isNullAt(2) ? null : row.getDouble(2),
        row.getString(3),
        error(row.getStruct(4)));
  }

  private static AnswerError error(Row row) {
    return row == null
        ? null
        : new AnswerError(ErrorClass.valueOf(row.getString(0)), row.getString(1));
  }
}
