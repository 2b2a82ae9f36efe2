package org.longform.sql;

import java.util.List;
import java.util.Map;
import org.longform.prompt.Task;

/**
 * What one call of a function asks for.
 *
 * @param content the document, or the prompt of {@code gen}; empty for a group, whose rows come one
 *     after the other
 * @param task what to do with it
 * @param questions what is asked of it; one empty string where nothing is asked
 * @param options options that follow from the arguments, by SQL key
 * @param manyAnswers whether an array of answers is returned
 */
record FunctionCall(
    String content,
    Task task,
    List<String> questions,
    Map<String, String> options,
    Cardinality manyAnswers) {

  /** One answer to a document of which nothing is asked. */
  static FunctionCall of(String content, Task task) {
    return of(content, task, "");
  }

  /** One answer to one question about a document. */
  static FunctionCall of(String content, Task task, String question) {
    return new FunctionCall(content, task, List.of(question), Map.of(), Cardinality.ONE);
  }

  /** One answer about a group of rows. */
  static FunctionCall ofGroup(Task task, String question) {
    return of("", task, question);
  }

  /** One answer, or an array of them. */
  enum Cardinality {
    ONE,
    ARRAY
  }
}
