package org.longform.spark.ml;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.Options;
import org.longform.options.RuntimeOptions;
import org.longform.read.Task;
import org.longform.runtime.LongformRuntime;
import org.longform.spark.task.StageTask;
import org.longform.sql.AnswerSchema;
import org.longform.sql.SessionConf;

/**
 * What a stage will do to one table, checked.
 *
 * @param task what is done with each document
 * @param document text of the document, NULL for no reading
 * @param question what is asked of it
 * @param reader reads one row
 * @param added the columns to add, in order
 * @param outputSchema the table's schema with them
 */
record ReadPlan(
    Task task,
    Column document,
    Column question,
    ReadRow reader,
    List<Added> added,
    StructType outputSchema) {

  /** A column to add and the field of the answer that it shows. */
  record Added(String name, String field, DataType type, String param) {}

  /**
   * @throws LongformException with a sentence for the first thing that cannot work
   */
  static ReadPlan of(StageParams.Values values, Map<String, String> options, StructType schema) {
    Columns columns = new Columns(schema);
    Task task = task(values);
    Column document = document(values, task, columns);
    Column question = question(values, task, columns);
    List<Added> added = added(values, task);
    StructType outputSchema = outputSchema(added, columns);
    Options all = LongformRuntime.portable(SessionConf.options().and(Options.ofCall(options)));
    LongformRuntime.validate(all);
    ReadRow reader = new ReadRow(task, all, onFailure(all));
    return new ReadPlan(task, document, question, reader, added, outputSchema);
  }

  private static Task task(StageParams.Values values) {
    boolean prompted = values.promptTemplate().isPresent() && values.task().isEmpty();
    return StageTask.of(
        prompted ? Optional.of(Task.GENERATE.word()) : values.task(), values.question());
  }

  private static Column document(StageParams.Values values, Task task, Columns columns) {
    if (values.promptTemplate().isPresent()) {
      return prompt(values, task, columns);
    }
    String wanted =
        values
            .inputCol()
            .orElseThrow(
                () ->
                    invalid(
                        "Cannot read documents: no column is named (inputCol). Call setInputCol with one of %s.",
                        columns.names()));
    String column =
        columns
            .find(wanted)
            .orElseThrow(
                () ->
                    invalid(
                        "Cannot read documents from inputCol '%s': there is no such column (columns: %s). Name one of them.",
                        wanted, columns.names()));
    if (!columns.typeOf(column).equals(DataTypes.StringType)) {
      throw invalid(
          "Cannot read documents from inputCol '%s': its type is %s, not STRING. Cast the column or name another.",
          column, columns.typeOf(column).simpleString().toUpperCase(Locale.ROOT));
    }
    return columns.column(column);
  }

  private static Column prompt(StageParams.Values values, Task task, Columns columns) {
    String source = values.promptTemplate().get();
    if (task != Task.GENERATE) {
      throw invalid(
          "Cannot use promptTemplate '%s' with task %s: the task has a prompt of its own. Leave the template out or set task generate.",
          source, task.word());
    }
    if (values.inputCol().isPresent()) {
      throw invalid(
          "Cannot use inputCol '%s' with promptTemplate '%s': the template names its own columns. Write {%s} where the document belongs and leave inputCol out.",
          values.inputCol().get(), source, values.inputCol().get());
    }
    ColumnTemplate template = ColumnTemplate.parse("promptTemplate", source);
    template.check(columns);
    if (!template.hasHoles()) {
      throw invalid(
          "Cannot use promptTemplate '%s': it names no column, so every row would read the same. Write {column} where a row's value belongs.",
          source);
    }
    return template.fill(columns);
  }

  private static Column question(StageParams.Values values, Task task, Columns columns) {
    if (task != Task.ASK) {
      return functions.lit("");
    }
    String source = values.question().orElseThrow();
    ColumnTemplate template = ColumnTemplate.parse("question", source);
    template.check(columns);
    return template.fill(columns);
  }

  private static List<Added> added(StageParams.Values values, Task task) {
    List<Added> added = new ArrayList<>();
    added.add(new Added(values.outputCol(), "value", ReadRow.valueType(task), "outputCol"));
    added.add(new Added(values.errorCol(), "error", AnswerSchema.ERROR, "errorCol"));
    values
        .detailCol()
        .ifPresent(name -> added.add(new Added(name, "detail", AnswerSchema.DETAIL, "detailCol")));
    return added;
  }

  private static StructType outputSchema(List<Added> added, Columns columns) {
    Columns grown = columns;
    for (Added column : added) {
      if (column.name().isBlank()) {
        throw invalid(
            "Cannot add %s '%s': the name is empty. Give it a name.",
            column.param(), column.name());
      }
      if (grown.find(column.name()).isPresent()) {
        throw invalid(
            "Cannot add %s '%s': there is a column of that name (columns: %s). Choose another name or drop that column first.",
            column.param(), column.name(), grown.names());
      }
      grown = new Columns(grown.schema().add(column.name(), column.type(), true));
    }
    return grown.schema();
  }

  private static ReadRow.OnFailure onFailure(Options options) {
    return options.get(RuntimeOptions.FAIL_ON_ERROR)
        ? ReadRow.OnFailure.FAIL_QUERY
        : ReadRow.OnFailure.NULL_VALUE;
  }

  private static LongformException invalid(String sentence, Object... values) {
    return new LongformException(ErrorClass.INVALID_OPTION, sentence.formatted(values));
  }
}
