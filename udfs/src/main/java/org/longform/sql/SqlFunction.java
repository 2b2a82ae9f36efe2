package org.longform.sql;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
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

  /** Turns the text of the one answer, which may be null, into the value. */
  default Object value(String text) {
    return text;
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
