package org.longform.sql;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.prompt.Task;

/** {@code ai_agg(content, instruction [, order_key] [, options])}. */
final class AggFunction implements SqlAggregate {
  @Override
  public String word() {
    return "agg";
  }

  @Override
  public String arguments() {
    return "content, instruction [, order_key] [, options]";
  }

  @Override
  public String doc() {
    return "Does what an instruction says with all rows of a group, which are read as one document of any length. "
        + "NULL for a NULL instruction and for a group without a text.";
  }

  @Override
  public List<Example> examples() {
    return List.of(
        new Example(
            "SELECT ai_agg(text, 'Question: What was the code name of the Kelmos cohort?\\nAnswer:', id, map('stop', '\\n')) "
                + "FROM VALUES (1, 'The sample size of the Veldra cohort was 4821.'), (2, 'The code name of the Kelmos cohort was amber falcon.') AS articles(id, text)",
            "The code name of the Kelmos cohort was amber falcon."));
  }

  @Override
  public Optional<List<DataType>> asks(List<DataType> given) {
    return given.size() == 2 || given.size() == 3
        ? Optional.of(List.of(DataTypes.StringType))
        : Optional.empty();
  }

  @Override
  public FunctionCall call(List<Object> asked) {
    return FunctionCall.ofGroup(Task.GENERATE, (String) asked.get(0));
  }

  @Override
  public DataType valueType(List<DataType> asked) {
    return DataTypes.StringType;
  }
}
