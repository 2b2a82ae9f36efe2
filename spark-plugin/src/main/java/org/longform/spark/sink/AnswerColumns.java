package org.longform.spark.sink;

import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.sql.AnswerSchema;

/** The columns of a table of answers. */
public final class AnswerColumns {
  /** One row for each document, configuration, task and question. */
  public static final StructType TABLE =
      new StructType()
          .add("doc_id", DataTypes.StringType, true, "Name of the document")
          .add("content_hash", DataTypes.StringType, true, "sha256 of the text")
          .add("config_hash", DataTypes.StringType, true, "sha256 of model and options")
          .add("question", DataTypes.StringType, true, "Empty where the task has none")
          .add(
              "task",
              DataTypes.StringType,
              true,
              "What was done: summarize, ask, classify and so on")
          .add("value", DataTypes.StringType, true, "The answer; NULL where there is an error")
          .add("error", AnswerSchema.ERROR, true, "Why there is no value")
          .add("finish_reason", DataTypes.StringType, true, "stop, length, cancelled or error")
          .add("input_tokens", DataTypes.LongType, true, "Tokens read, document and question")
          .add("output_tokens", DataTypes.LongType, true, "Tokens written")
          .add("attended_tokens", DataTypes.LongType, true, "Cached tokens attended to")
          .add("truncated", DataTypes.BooleanType, true, "Whether a limit of the user cut the text")
          .add("method", DataTypes.StringType, true, "Context strategy with its parameters")
          .add("model", DataTypes.StringType, true, "Name of the model")
          .add("model_revision", DataTypes.StringType, true, "Version of the model")
          .add("seed", DataTypes.LongType, true, "Seed of this row")
          .add("latency_ms", DataTypes.LongType, true, "Milliseconds from request to answer")
          .add(
              "evidence",
              DataTypes.createArrayType(AnswerSchema.EVIDENCE),
              true,
              "Source spans that attention selected, best first")
          .add("attempt", DataTypes.IntegerType, true, "How often the row was tried, from 1")
          .add("run_id", DataTypes.StringType, true, "The run that wrote the row")
          .add("started_at", DataTypes.TimestampType, true, "When the reading began")
          .add("source_path", DataTypes.StringType, true, "File the document came from");

  /** Places of columns, for rows that come straight from {@link AnswerRow#toRow}. */
  public static final int DOC_ID = TABLE.fieldIndex("doc_id");

  public static final int CONTENT_HASH = TABLE.fieldIndex("content_hash");
  public static final int CONFIG_HASH = TABLE.fieldIndex("config_hash");
  public static final int QUESTION = TABLE.fieldIndex("question");
  public static final int TASK = TABLE.fieldIndex("task");
  public static final int VALUE = TABLE.fieldIndex("value");
  public static final int ERROR_STRUCT = TABLE.fieldIndex("error");

  public static final int INPUT_TOKENS = TABLE.fieldIndex("input_tokens");
  public static final int ATTEMPT = TABLE.fieldIndex("attempt");

  private AnswerColumns() {}
}
