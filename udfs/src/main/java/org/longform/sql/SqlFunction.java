package org.longform.sql;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.kernels.error.LongformException;
import org.longform.read.Answer;
import org.longform.read.DocumentReader;

/**
 * One SQL function. The name it is called by is a prefix ({@code ai_} by default) and its {@link
 * #word}; {@code _detail} functions are made from it.
 */
public interface SqlFunction {
  /** What follows the prefix, for example {@code ask}. */
  String word();

  /** The arguments as the docs show them, for example {@code content, question [, options]}. */
  String arguments();

  /** What it does, in a few sentences. */
  String doc();

  /** Queries that show its use, with what they print; each runs as a test. */
  List<Example> examples();

  /**
   * Types the arguments are cast to, the options map left out; one text unless overridden.
   *
   * @param given types of the arguments as written, the options map left out
   * @return empty if the function cannot be called with so many or such arguments
   */
  default Optional<List<DataType>> accepts(List<DataType> given) {
    return given.size() == 1 ? Optional.of(List.of(DataTypes.StringType)) : Optional.empty();
  }

  /** What is asked of the reader; no argument is NULL. */
  FunctionCall call(List<Object> arguments);

  /** Type of the value. */
  DataType valueType(List<DataType> arguments);

  /** Type of the value as the docs show it. */
  default String returns() {
    return valueType(List.of(DataTypes.StringType)).sql();
  }

  /**
   * Type of the value where it follows from what an argument says, too.
   *
   * @param literals values of the arguments as plain Java values; null where not literal, or NULL
   * @throws LongformException INVALID_INPUT where what it says cannot be used
   */
  default DataType valueType(List<DataType> arguments, List<Object> literals) {
    check(literals);
    return valueType(arguments);
  }

  /**
   * Refuses a query whose literals no row can be answered with.
   *
   * @param literals as for {@link #valueType(List, List)}
   */
  default void check(List<Object> literals) {}

  /**
   * Type of the detail.
   *
   * @param valueType of the value form
   */
  default DataType detailType(DataType valueType) {
    return AnswerSchema.DETAIL;
  }

  /** Whether an array of answers is given for arguments of these types. */
  default boolean givesArray(List<DataType> arguments) {
    return !arguments.isEmpty() && arguments.get(arguments.size() - 1) instanceof ArrayType;
  }

  /** Turns the text of the one answer, which may be null, into the value. */
  default Object value(String text, List<Object> arguments) {
    return text;
  }

  /** An answer as a row of the detail's type. */
  default Row row(Answer answer, List<Object> arguments) {
    return AnswerSchema.toRow(answer);
  }

  /** A query on one line and the line it prints. */
  record Example(String query, String prints) {}

  /** A function that is answered without reading by the model and so has no detail. */
  interface Direct extends SqlFunction {
    Object answer(DocumentReader reader, List<Object> arguments);

    @Override
    default FunctionCall call(List<Object> arguments) {
      throw new IllegalStateException(word() + " is answered directly");
    }
  }
}
