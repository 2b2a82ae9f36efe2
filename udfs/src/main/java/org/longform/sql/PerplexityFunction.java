package org.longform.sql;

import java.util.List;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.prompt.Task;

/** {@code ai_perplexity(content [, options])}. */
final class PerplexityFunction implements SqlFunction {
  @Override
  public String word() {
    return "perplexity";
  }

  @Override
  public String arguments() {
    return "content [, options]";
  }

  @Override
  public String doc() {
    return "How surprising a text is to the model: e to the mean negative log-likelihood of its tokens. "
        + "NULL for a NULL text.";
  }

  @Override
  public List<Example> examples() {
    return List.of(
        new Example(
            "SELECT ai_perplexity('The sample size of the Veldra cohort was 4821.') < ai_perplexity('cohort size the 4821 was Veldra sample of The.')",
            "true"));
  }

  @Override
  public FunctionCall call(List<Object> arguments) {
    return FunctionCall.of((String) arguments.get(0), Task.PERPLEXITY);
  }

  @Override
  public DataType valueType(List<DataType> arguments) {
    return DataTypes.DoubleType;
  }

  @Override
  public Object value(String text, List<Object> arguments) {
    return text == null ? null : Double.valueOf(text);
  }
}
