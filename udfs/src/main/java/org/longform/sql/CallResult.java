package org.longform.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.apache.spark.sql.Row;
import org.longform.kernels.error.LongformException;
import org.longform.options.Options;
import org.longform.options.RuntimeOptions;
import org.longform.read.Answer;

/**
 * What a call returns for the answers to it.
 *
 * @param asked what was asked
 * @param options all options of the call
 * @param toRow an answer as the detail form shows it
 */
record CallResult(
    PreparedCall call, FunctionCall asked, Options options, Function<Answer, Row> toRow) {
  /**
   * @param given one answer for each question that is not NULL
   * @return one value or row, or a list of them
   * @throws LongformException where an answer carries an error and {@code fail_on_error} is set
   */
  Object of(List<Answer> given) {
    List<Answer> answers = new ArrayList<>();
    int next = 0;
    for (String question : asked.questions()) {
      // a question that is NULL gets no answer
      answers.add(question == null ? null : given.get(next++));
    }
    if (options.get(RuntimeOptions.FAIL_ON_ERROR)) {
      failOnError(answers);
    }
    boolean plain = call.form() == FunctionForm.VALUE;
    List<?> values = plain ? texts(answers) : rows(answers);
    if (asked.manyAnswers() == FunctionCall.Cardinality.ARRAY) {
      return values;
    }
    return plain ? call.function().value(texts(answers).get(0), call.arguments()) : values.get(0);
  }

  private static void failOnError(List<Answer> answers) {
    for (Answer answer : answers) {
      if (answer != null && answer.error() != null) {
        throw new LongformException(answer.error().errorClass(), answer.error().message());
      }
    }
  }

  private static List<String> texts(List<Answer> answers) {
    List<String> texts = new ArrayList<>();
    answers.forEach(answer -> texts.add(answer == null ? null : answer.value()));
    return texts;
  }

  private List<Object> rows(List<Answer> answers) {
    List<Object> rows = new ArrayList<>();
    answers.forEach(answer -> rows.add(answer == null ? null : toRow.apply(answer)));
    return rows;
  }
}
