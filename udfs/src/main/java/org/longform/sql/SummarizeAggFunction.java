package org.longform.sql;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.prompt.Task;

/** {@code ai_summarize_agg(content [, order_key] [, options])}. */
final class SummarizeAggFunction implements SqlAggregate {
  @Override
  public String word() {
    return "summarize_agg";
  }

  @Override
  public String arguments() {
    return "content [, order_key] [, options]";
  }

  @Override
  public String doc() {
    return "Summarises all rows of a group, which are read as one document of any length. The option max_words "
        + "is a wish, 50 unless given, 0 for no limit. NULL for a group without a text.";
  }

  @Override
  public List<Example> examples() {
    return List.of(
        new Example(
            "SELECT ai_summarize_agg(text, id) FROM VALUES (2, 'Conclusion\\nThe data on root growth are open to all readers. "
                + "The main finding is that blue light doubles the leaf area of the Veldra gene in dry years.'), (1, 'Title: Root growth') AS sections(id, text)",
            "The main finding is that blue light doubles the leaf area of the Veldra gene in dry years."));
  }

  @Override
  public Optional<List<DataType>> asks(List<DataType> given) {
    return given.size() == 1 || given.size() == 2 ? Optional.of(List.of()) : Optional.empty();
  }

  @Override
  public FunctionCall call(List<Object> asked) {
    return FunctionCall.ofGroup(Task.SUMMARIZE, "");
  }

  @Override
  public DataType valueType(List<DataType> asked) {
    return DataTypes.StringType;
  }
}
