package org.longform.sql;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.read.Answer;
import org.longform.read.AnswerError;
import org.longform.read.Evidence;

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

  private AnswerSchema() {}

  /** An answer as a row of {@link #DETAIL}. */
  public static Row toRow(Answer answer) {
    return RowFactory.create(
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
        evidenceRows(answer.evidence()));
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
