package org.longform.sql;

import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.read.Answer;
import org.longform.read.AnswerError;
import org.longform.read.Evidence;

/** The struct that the {@code _detail} functions return. */
public final class AnswerSchema {
  public static final StructType ERROR =
      new StructType()
          .add("class", DataTypes.StringType, false)
          .add("message", DataTypes.StringType, false);

  public static final StructType EVIDENCE =
      new StructType()
          .add("doc", DataTypes.StringType, false)
          .add("start", DataTypes.LongType, false)
          .add("end", DataTypes.LongType, false)
          .add("text", DataTypes.StringType, false)
          .add("score", DataTypes.DoubleType, false);

  public static final StructType DETAIL =
      new StructType()
          .add("value", DataTypes.StringType, true)
          .add("error", ERROR, true)
          .add("finish_reason", DataTypes.StringType, false)
          .add("input_tokens", DataTypes.LongType, false)
          .add("output_tokens", DataTypes.LongType, false)
          .add("attended_tokens", DataTypes.LongType, false)
          .add("truncated", DataTypes.BooleanType, false)
          .add("method", DataTypes.StringType, false)
          .add("model", DataTypes.StringType, false)
          .add("model_revision", DataTypes.StringType, false)
          .add("seed", DataTypes.LongType, false)
          .add("latency_ms", DataTypes.LongType, false)
          .add("evidence", DataTypes.createArrayType(EVIDENCE, false), false);

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

  private static List<Row> evidenceRows(List<Evidence> evidence) {
    return evidence.stream()
        .map(
            span ->
                RowFactory.create(span.doc(), span.start(), span.end(), span.text(), span.score()))
        .toList();
  }
}
