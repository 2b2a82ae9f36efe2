package org.longform.sql;

import java.util.List;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.read.DocumentReader;

/** {@code ai_count_tokens(content [, options])}. */
final class CountTokensFunction implements SqlFunction.Direct {
  @Override
  public String word() {
    return "count_tokens";
  }

  @Override
  public String arguments() {
    return "content [, options]";
  }

  @Override
  public String doc() {
    return "Number of tokens of a text in the model's tokenizer, without any that a prompt adds. "
        + "NULL for a NULL text.";
  }

  @Override
  public List<Example> examples() {
    return List.of(
        new Example(
            "SELECT ai_count_tokens('The sample size of the Veldra cohort was 4821.')", "16"));
  }

  @Override
  public DataType valueType(List<DataType> arguments) {
    return DataTypes.IntegerType;
  }

  @Override
  public Object answer(DocumentReader reader, List<Object> arguments) {
    return Math.toIntExact(reader.countTokens((String) arguments.get(0)));
  }
}
