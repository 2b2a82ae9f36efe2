package org.longform.sql;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.longform.read.Answer;
import org.longform.read.AnswerError;
import org.longform.read.Evidence;
import org.longform.read.RowTally;

/**
 * The struct that the {@code _detail} functions return. Every field is nullable: Delta tables
 * refuse NOT NULL inside arrays.
 */
public final class AnswerSchema {
  public static final StructType ERROR =
      new StructType().add("class", DataTypes.StringType).add("message", DataTypes.StringType);

  public static final StructType EVIDENCE =
      new StructType()
          .add("doc", DataTypes.StringType)
          .add("start", DataTypes.LongType)
          .add("end", DataTypes.LongType)
          .add("text", DataTypes.StringType)
          .add("score", DataTypes.DoubleType);

  public static final StructType DETAIL =
      new StructType()
          .add("value", DataTypes.StringType)
          .add("error", ERROR)
          .add("finish_reason", DataTypes.StringType)
          .add("input_tokens", DataTypes.LongType)
          .add("output_tokens", DataTypes.LongType)
          .add("attended_tokens", DataTypes.LongType)
          .add("truncated", DataTypes.BooleanType)
          .add("method", DataTypes.StringType)
          .add("model", DataTypes.StringType)
          .add("model_revision", DataTypes.StringType)
          .add("seed", DataTypes.LongType)
          .add("latency_ms", DataTypes.LongType)
          .add("evidence", DataTypes.createArrayType(EVIDENCE));

  /** As {@link #EVIDENCE}, and which row of the group it is from. */
  public static final StructType GROUP_EVIDENCE =
      new StructType()
          .add("doc", DataTypes.StringType)
          .add("row", DataTypes.LongType)
          .add("start", DataTypes.LongType)
          .add("end", DataTypes.LongType)
          .add("text", DataTypes.StringType)
          .add("score", DataTypes.DoubleType);

  /** A row that was left out. */
  public static final StructType ROW_ERROR =
      new StructType()
          .add("doc", DataTypes.StringType)
          .add("row", DataTypes.LongType)
          .add("class", DataTypes.StringType)
          .add("message", DataTypes.StringType);

  /** What the {@code _agg_detail} functions return. */
  public static final StructType GROUP_DETAIL =
      new StructType(Arrays.copyOf(DETAIL.fields(), DETAIL.length() - 1))
          .add("evidence", DataTypes.createArrayType(GROUP_EVIDENCE))
          .add("rows", DataTypes.LongType)
          .add("skipped_rows", DataTypes.LongType)
          .add("row_errors", DataTypes.createArrayType(ROW_ERROR));

  private AnswerSchema() {}

  /** {@link #DETAIL} with a value of another type. */
  static StructType detail(DataType valueType) {
    StructField[] fields = DETAIL.fields().clone();
    fields[0] = DataTypes.createStructField(fields[0].name(), valueType, true);
    return new StructType(fields);
  }

  /** {@link #detail} of an answer that was chosen from a few, with the probabilities of all. */
  static StructType choiceDetail(DataType valueType) {
    return detail(valueType)
        .add("probabilities", DataTypes.createMapType(DataTypes.StringType, DataTypes.DoubleType));
  }

  /**
   * An answer as a row of {@link #detail}.
   *
   * @param value as its type wants it
   */
  static Row toRow(Answer answer, Object value) {
    return RowFactory.create(detailFields(answer, value).toArray());
  }

  /** As {@link #toRow(Answer, Object)}, for {@link #choiceDetail}. */
  static Row toChoiceRow(Answer answer, Object value) {
    List<Object> values = detailFields(answer, value);
    values.add(answer.probabilities().isEmpty() ? null : answer.probabilities());
    return RowFactory.create(values.toArray());
  }

  private static List<Object> detailFields(Answer answer, Object value) {
    List<Object> values = fields(answer);
    values.set(0, value);
    values.add(evidenceRows(answer.evidence()));
    return values;
  }

  /** An answer as a row of {@link #DETAIL}. */
  public static Row toRow(Answer answer) {
    return toRow(answer, answer.value());
  }

  /**
   * An answer about a group as a row of {@link #GROUP_DETAIL}.
   *
   * @param rows how many rows of the group have a text
   */
  static Row toGroupRow(Answer answer, long rows) {
    List<Object> values = fields(answer);
    List<Row> evidence = new ArrayList<>();
    for (Evidence span : answer.evidence()) {
      evidence.add(
          RowFactory.create(
              span.doc(), span.row(), span.start(), span.end(), span.text(), span.score()));
    }
    List<Row> errors = new ArrayList<>();
    for (RowTally.RowError each : answer.rows().errors()) {
      errors.add(
          RowFactory.create(
              each.doc(), each.row(), each.error().errorClass().name(), each.error().message()));
    }
    values.add(evidence);
    values.add(rows);
    // a group that failed was not gone through to its end
    values.add(answer.error() == null ? answer.rows().skipped() : null);
    values.add(answer.error() == null ? errors : null);
    return RowFactory.create(values.toArray());
  }

  /** All fields of an answer before its evidence. */
  private static List<Object> fields(Answer answer) {
    List<Object> values = new ArrayList<>();
    Collections.addAll(
        values,
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
        answer.latencyMs());
    return values;
  }

  /** An error as a row of {@link #ERROR}. */
  public static Row errorRow(AnswerError error) {
    return RowFactory.create(error.errorClass().name(), error.message());
  }

  /** Spans as rows of {@link #EVIDENCE}. */
  public static List<Row> evidenceRows(List<Evidence> evidence) {
    List<Row> rows = new ArrayList<>(); // a list that travels between processes
    for (Evidence span : evidence) {
      rows.add(RowFactory.create(span.doc(), span.start(), span.end(), span.text(), span.score()));
    }
    return rows;
  }
}
