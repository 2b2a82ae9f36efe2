package org.longform.sql;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.grammar.Labels;
import org.longform.prompt.Task;

/** {@code ai_classify(content, labels [, options])}. */
final class ClassifyFunction extends ChoosingFunction {
  @Override
  public String word() {
    return "classify";
  }

  @Override
  public String arguments() {
    return "content, labels [, options]";
  }

  @Override
  public String doc() {
    return "Says which of some labels, an array of 1 to %d texts, fits a document of any length best. The answer is always one of them: the one that the model would most probably write, all its tokens taken together. A label that is there twice counts once; an array without a label, a blank or a NULL one is an error. The detail form has the probability of each label in `probabilities`. NULL for a NULL document or NULL labels."
        .formatted(Labels.MOST);
  }

  @Override
  public List<Example> examples() {
    return List.of(
        new Example(
            "SELECT ai_classify('The code name of the Kelmos cohort was amber falcon.', array('silver heron', 'amber falcon', 'crimson otter'))",
            "amber falcon"));
  }

  @Override
  public Optional<List<DataType>> accepts(List<DataType> given) {
    return given.size() == 2
        ? Optional.of(
            List.of(DataTypes.StringType, DataTypes.createArrayType(DataTypes.StringType)))
        : Optional.empty();
  }

  @Override
  public void check(List<Object> literals) {
    if (literals.get(1) instanceof List<?> labels) {
      Labels.checked(word(), JavaValues.texts(labels));
    }
  }

  @Override
  public FunctionCall call(List<Object> arguments) {
    List<String> labels = JavaValues.texts((List<?>) arguments.get(1));
    return FunctionCall.of((String) arguments.get(0), Task.CLASSIFY, Labels.toJson(labels));
  }

  @Override
  public DataType valueType(List<DataType> arguments) {
    return DataTypes.StringType;
  }
}
