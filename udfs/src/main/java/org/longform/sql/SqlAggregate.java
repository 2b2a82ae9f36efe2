package org.longform.sql;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.DataType;

/**
 * A SQL function over the rows of a group, which are read as one document. Its arguments are the
 * text of a row, what is asked of the group, and optionally what the rows are ordered by.
 */
public interface SqlAggregate extends SqlFunction {
  /**
   * Types of the arguments behind the text that are the same for all rows of a group; order key and
   * options left out.
   *
   * @param given types of all arguments as written, options left out
   * @return empty if the function cannot be called with so many or such arguments
   */
  Optional<List<DataType>> asks(List<DataType> given);

  /**
   * What is asked of the group; the call has no content.
   *
   * @param asked the arguments that {@link #asks} tells, none of them NULL
   */
  @Override
  FunctionCall call(List<Object> asked);

  /** Type of the value, by types of what is asked. */
  @Override
  DataType valueType(List<DataType> asked);

  @Override
  default DataType detailType(DataType valueType) {
    return AnswerSchema.GROUP_DETAIL;
  }
}
