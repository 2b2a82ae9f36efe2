package org.longform.spark.ml;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.Options;
import org.longform.prompt.Task;
import org.longform.runtime.LongformRuntime;
import org.longform.spark.task.StageTask;
import org.longform.sql.AnswerSchema;
import org.longform.sql.SessionConf;
import org.longform.sql.SqlFunctions;

/**
 * What a stage will do to one table, checked.
 *
 * @param function the SQL function that does it, without prefix
 * @param arguments of its detail form
 * @param added the columns to add, in order
 * @param outputSchema the table's schema with them
 */
record ReadPlan(
    String function, List<Column> arguments, List<Added> added, StructType outputSchema) {

  /**
   * A column to add.
   *
   * @param of what it shows of the answer's detail
   * @param param the parameter that names it
   */
  record Added(String name, DataType type, String param, UnaryOperator<Column> of) {}

  /**
   * @throws LongformException with a sentence for the first thing that cannot work
   */
  static ReadPlan of(StageParams.Values values, Map<String, String> options, StructType schema) {
    Columns columns = new Columns(schema);
    Task task = task(values);
    List<Column> arguments = new ArrayList<>(List.of(document(values, task, columns)));
    List<Object> literals = StageTask.literals(task, values.labels(), values.schema());
    boolean asks = task == Task.ASK || task == Task.FILTER;
    if (asks) {
      arguments.add(question(values, columns));
    }
    literals.forEach(literal -> arguments.add(literal(literal)));
    // whatever a row's question says, it is a text
    List<Added> added = added(values, task, asks ? List.of("") : literals);
    StructType outputSchema = outputSchema(added, columns);
    Options own = LongformRuntime.portable(Options.ofCall(options));
    LongformRuntime.validate(SessionConf.options().and(own));
    if (!own.toMap().isEmpty()) {
      arguments.add(map(own.toMap()));
    }
    return new ReadPlan(function(task), arguments, added, outputSchema);
  }

  private static String function(Task task) {
    return switch (task) {
      case GENERATE -> "gen";
      case SUMMARIZE -> "summarize";
      case ASK -> "ask";
      case PERPLEXITY -> "perplexity";
      case CLASSIFY -> "classify";
      case EXTRACT -> "extract";
      case FILTER -> "filter";
    };
  }

  private static Column literal(Object value) {
    return value instanceof List<?> texts
        ? functions.array(texts.stream().map(functions::lit).toArray(Column[]::new))
        : functions.lit(value);
  }

  private static Column map(Map<String, String> texts) {
    return functions.map(
        texts.entrySet().stream()
            .flatMap(entry -> Stream.of(entry.getKey(), entry.getValue()))
            .map(functions::lit)
            .toArray(Column[]::new));
  }

  private static Task task(StageParams.Values values) {
    boolean prompted = values.promptTemplate().isPresent() && values.task().isEmpty();
    boolean typed = values.schema().isPresent() && values.task().isEmpty();
    Optional<String> implied = Optional.of(prompted ? Task.GENERATE : Task.EXTRACT).map(Task::word);
    return StageTask.of(prompted || typed ? implied : values.task(), values.question());
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

  private static Column question(StageParams.Values values, Columns columns) {
    String source = values.question().orElseThrow();
    ColumnTemplate template = ColumnTemplate.parse("question", source);
    template.check(columns);
    return template.fill(columns);
  }

  private static List<Added> added(StageParams.Values values, Task task, List<Object> literals) {
    List<Added> added = new ArrayList<>();
    DataType type = SqlFunctions.valueType(function(task), literals);
    DataType detailType = SqlFunctions.detailType(function(task), literals);
    added.add(
        new Added(
            values.outputCol(), type, "outputCol", detail -> detail.getField("value").cast(type)));
    added.add(
        new Added(
            values.errorCol(), AnswerSchema.ERROR, "errorCol", detail -> detail.getField("error")));
    values
        .detailCol()
        .ifPresent(
            name -> added.add(new Added(name, detailType, "detailCol", UnaryOperator.identity())));
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

  private static LongformException invalid(String sentence, Object... values) {
    return new LongformException(ErrorClass.INVALID_OPTION, sentence.formatted(values));
  }
}
