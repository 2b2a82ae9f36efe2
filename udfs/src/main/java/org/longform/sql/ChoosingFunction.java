package org.longform.sql;

import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.longform.read.Answer;

/** A function whose answer is one of a few; its detail has the probabilities of all. */
abstract class ChoosingFunction implements SqlFunction {
  @Override
  public final boolean givesArray(List<DataType> arguments) {
    return false; // an array is what is chosen from
  }

  @Override
  public final Row row(Answer answer, List<Object> arguments) {
    return AnswerSchema.toChoiceRow(answer, value(answer.value(), arguments));
  }

  @Override
  public final DataType detailType(DataType valueType) {
    return AnswerSchema.choiceDetail(valueType);
  }
}
