package org.longform.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.prompt.Task;

/** {@code ai_ask_agg(content, question | array<question> [, order_key] [, options])}. */
final class AskAggFunction implements SqlAggregate {
  @Override
  public String word() {
    return "ask_agg";
  }

  @Override
  public String arguments() {
    return "content, question | array(question, …) [, order_key] [, options]";
  }

  @Override
  public String doc() {
    return "Answers a question, or an array of questions, about all rows of a group, which are read as one document "
        + "of any length, once. NULL for a NULL question and for a group without a text.";
  }

  @Override
  public List<Example> examples() {
    String articles =
        "(1, 'The median age of the Kelmos cohort was 57.3 years.'), (2, 'The sample size of the Veldra cohort was 4821.'), (3, 'The code name of the Kelmos cohort was amber falcon.')";
    return List.of(
        new Example(
            "SELECT ai_ask_agg(text, 'What was the sample size of the Veldra cohort?', id) FROM VALUES "
                + articles
                + " AS articles(id, text)",
            "The sample size of the Veldra cohort was 4821."),
        new Example(
            "SELECT ai_ask_agg_detail(text, 'What was the code name of the Kelmos cohort?', id).evidence[0].doc FROM VALUES "
                + articles
                + " AS articles(id, text)",
            "3"));
  }

  @Override
  public Optional<List<DataType>> asks(List<DataType> given) {
    if (given.size() != 2 && given.size() != 3) {
      return Optional.empty();
    }
    return Optional.of(
        List.of(
            given.get(1) instanceof ArrayType
                ? DataTypes.createArrayType(DataTypes.StringType)
                : DataTypes.StringType));
  }

  @Override
  public FunctionCall call(List<Object> asked) {
    if (asked.get(0) instanceof List<?> several) {
      List<String> questions = new ArrayList<>();
      several.forEach(each -> questions.add((String) each));
      return new FunctionCall("", Task.ASK, questions, Map.of(), FunctionCall.Cardinality.ARRAY);
    }
    return FunctionCall.ofGroup(Task.ASK, (String) asked.get(0));
  }

  @Override
  public DataType valueType(List<DataType> asked) {
    return asked.get(0);
  }

  @Override
  public String returns() {
    return "STRING, or ARRAY<STRING> for an array of questions";
  }
}
