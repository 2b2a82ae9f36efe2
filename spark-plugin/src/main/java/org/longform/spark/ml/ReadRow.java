package org.longform.spark.ml;

import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.kernels.error.LongformException;
import org.longform.options.Options;
import org.longform.prompt.Task;
import org.longform.read.Answer;
import org.longform.read.ReadRequest;
import org.longform.runtime.LongformRuntime;
import org.longform.runtime.RowKey;
import org.longform.sql.AnswerSchema;
import org.longform.sql.TaskListener;

/** Reads the document of one row. Runs in a task, or on the driver where Spark folds constants. */
final class ReadRow implements UDF2<String, String, Row> {
  private static final long serialVersionUID = 1L;

  /** What becomes of a row without an answer. */
  enum OnFailure {
    NULL_VALUE,
    FAIL_QUERY
  }

  private final Task task;
  private final Options options;
  private final OnFailure onFailure;

  ReadRow(Task task, Options options, OnFailure onFailure) {
    this.task = task;
    this.options = options;
    this.onFailure = onFailure;
  }

  /** value, error and detail. */
  static StructType type(Task task) {
    return new StructType()
        .add("value", valueType(task), true)
        .add("error", AnswerSchema.ERROR, true)
        .add("detail", AnswerSchema.DETAIL, true);
  }

  static DataType valueType(Task task) {
    return task == Task.PERPLEXITY ? DataTypes.DoubleType : DataTypes.StringType;
  }

  @Override
  public Row call(String document, String question) {
    if (document == null || question == null) {
      return RowFactory.create(null, null, null);
    }
    TaskListener listener = new TaskListener(TaskContext.get());
    ReadRequest request =
        new ReadRequest(document, task, List.of(question), RowKey.of(document), listener);
    Answer answer = LongformRuntime.reader(options).read(request).get(0);
    if (answer.failure().isEmpty()) {
      return RowFactory.create(value(answer), null, AnswerSchema.toRow(answer));
    }
    listener.killIfCancelled(answer.error());
    if (onFailure == OnFailure.FAIL_QUERY) {
      throw new LongformException(answer.error().errorClass(), answer.error().message());
    }
    return RowFactory.create(
        null, AnswerSchema.errorRow(answer.error()), AnswerSchema.toRow(answer));
  }

  private Object value(Answer answer) {
    return task == Task.PERPLEXITY ? (Object) Double.valueOf(answer.value()) : answer.value();
  }
}
