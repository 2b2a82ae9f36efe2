package org.longform.sql;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.DataType;
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
   * Types the arguments are cast to, the options map left out.
   *
   * @param given types of the arguments as written, the options map left out
   * @return empty if the function cannot be called with so many or such arguments
   */
  Optional<List<DataType>> accepts(List<DataType> given);

  /** What is asked of the reader; no argument is NULL. */
  FunctionCall call(List<Object> arguments);

  /** Type of the value. */
  DataType valueType(List<DataType> arguments);

  /** Turns the answers' texts, in the order of the questions, into the value. */
  Object value(List<String> texts);

  /** A query on one line and the line it prints. */
  record Example(String query, String prints) {}

  /** A function that is answered without reading by the model and so has no detail. */
  interface Direct extends SqlFunction {
    Object answer(DocumentReader reader, List<Object> arguments);
  }
}
