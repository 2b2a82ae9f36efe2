package org.longform.sql;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.prompt.Task;

/** {@code ai_ask(content, question | array<question> [, options])}. */
final class AskFunction implements SqlFunction {
  @Override
  public String word() {
    return "ask";
  }

  @Override
  public String arguments() {
    return "content, question | array(question, …) [, options]";
  }

  @Override
  public String doc() {
    return "Answers a question about a document of any length, or an array of questions, for which the "
        + "document is read once. NULL for a NULL document or question.";
  }

  @Override
  public List<Example> examples() {
    String document =
        "'Results\\nThe median age of the Kelmos cohort was 57.3 years. The sample size of the Veldra cohort was 4821. The code name of the Kelmos cohort was amber falcon.'";
    return List.of(
        new Example(
            "SELECT ai_ask(" + document + ", 'What was the sample size of the Veldra cohort?')",
            "The sample size of the Veldra cohort was 4821."),
        new Example(
            "SELECT ai_ask("
                + document
                + ", array('What was the median age of the Kelmos cohort?', 'What was the code name of the Kelmos cohort?'))",
            "[The median age of the Kelmos cohort was 57.3 years., The code name of the Kelmos cohort was amber falcon.]"));
  }

  @Override
  public Optional<List<DataType>> accepts(List<DataType> given) {
    if (given.size() != 2) {
      return Optional.empty();
    }
    DataType question =
        given.get(1) instanceof ArrayType
            ? DataTypes.createArrayType(DataTypes.StringType)
            : DataTypes.StringType;
    return Optional.of(List.of(DataTypes.StringType, question));
  }

  @Override
  public FunctionCall call(List<Object> arguments) {
    Object question = arguments.get(1);
    if (question instanceof List<?> several) {
      return new FunctionCall(
          (String) arguments.get(0),
          Task.ASK,
          JavaValues.texts(several),
          Map.of(),
          FunctionCall.Cardinality.ARRAY);
    }
    return FunctionCall.of((String) arguments.get(0), Task.ASK, (String) question);
  }

  @Override
  public DataType valueType(List<DataType> arguments) {
    return arguments.get(1);
  }

  @Override
  public String returns() {
    return "STRING, or ARRAY<STRING> for an array of questions";
  }
}
