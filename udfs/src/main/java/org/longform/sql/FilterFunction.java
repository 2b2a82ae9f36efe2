package org.longform.sql;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.prompt.Task;

/** {@code ai_filter(content, condition [, options])}. */
final class FilterFunction extends ChoosingFunction {
  @Override
  public String word() {
    return "filter";
  }

  @Override
  public String arguments() {
    return "content, condition [, options]";
  }

  @Override
  public String doc() {
    return "Whether a condition, said in words, is true of a document of any length: whether the model would rather answer yes than no. For WHERE, where conditions that cost nothing are tested first. The detail form has the probabilities of true and false. NULL for a NULL document or condition.";
  }

  @Override
  public List<Example> examples() {
    return List.of(
        new Example(
            "SELECT ai_filter('The sample size of the Veldra cohort was 4821.', 'It is about cooking')",
            "false"));
  }

  @Override
  public Optional<List<DataType>> accepts(List<DataType> given) {
    return given.size() == 2
        ? Optional.of(List.of(DataTypes.StringType, DataTypes.StringType))
        : Optional.empty();
  }

  @Override
  public FunctionCall call(List<Object> arguments) {
    return FunctionCall.of((String) arguments.get(0), Task.FILTER, (String) arguments.get(1));
  }

  @Override
  public DataType valueType(List<DataType> arguments) {
    return DataTypes.BooleanType;
  }

  @Override
  public Object value(String text, List<Object> arguments) {
    return text == null ? null : Boolean.valueOf(text);
  }
}
