package org.longform.sql;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.options.PromptOptions;
import org.longform.prompt.Task;

/** {@code ai_summarize(content [, max_words [, options]])}. */
final class SummarizeFunction implements SqlFunction {
  @Override
  public String word() {
    return "summarize";
  }

  @Override
  public String arguments() {
    return "content [, max_words [, options]]";
  }

  @Override
  public String doc() {
    return "Summarises a document of any length. max_words is a wish, 50 unless given, 0 for no limit. "
        + "NULL for a NULL document.";
  }

  @Override
  public List<Example> examples() {
    return List.of(
        new Example(
            "SELECT ai_summarize('Title: Root growth\\n\\nConclusion\\nThe data on root growth are open to all readers. The main finding is that blue light doubles the leaf area of the Veldra gene in dry years.')",
            "The main finding is that blue light doubles the leaf area of the Veldra gene in dry years."));
  }

  @Override
  public Optional<List<DataType>> accepts(List<DataType> given) {
    return switch (given.size()) {
      case 1 -> Optional.of(List.of(DataTypes.StringType));
      case 2 -> Optional.of(List.of(DataTypes.StringType, DataTypes.IntegerType));
      default -> Optional.empty();
    };
  }

  @Override
  public FunctionCall call(List<Object> arguments) {
    Map<String, String> options =
        arguments.size() == 1
            ? Map.of()
            : Map.of(PromptOptions.MAX_WORDS.sqlKey(), arguments.get(1).toString());
    return new FunctionCall(
        (String) arguments.get(0),
        Task.SUMMARIZE,
        List.of(""),
        options,
        FunctionCall.Cardinality.ONE);
  }

  @Override
  public DataType valueType(List<DataType> arguments) {
    return DataTypes.StringType;
  }
}
