package org.longform.sql;

import java.util.List;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.prompt.Task;

/** {@code ai_gen(prompt [, options])}. */
final class GenFunction implements SqlFunction {
  @Override
  public String word() {
    return "gen";
  }

  @Override
  public String arguments() {
    return "prompt [, options]";
  }

  @Override
  public String doc() {
    return "Continues a prompt of any length. NULL for a NULL prompt.";
  }

  @Override
  public List<Example> examples() {
    return List.of(
        new Example(
            "SELECT ai_gen('The sample size of the Veldra cohort was 4821.\\n\\nQuestion: What was the sample size of the Veldra cohort?\\nAnswer:', map('stop', '\\n'))",
            "The sample size of the Veldra cohort was 4821."));
  }

  @Override
  public FunctionCall call(List<Object> arguments) {
    return FunctionCall.of((String) arguments.get(0), Task.GENERATE);
  }

  @Override
  public DataType valueType(List<DataType> arguments) {
    return DataTypes.StringType;
  }
}
