package org.longform.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.TaskContext;
import org.longform.kernels.error.LongformException;
import org.longform.options.Options;
import org.longform.options.RuntimeOptions;
import org.longform.read.Answer;
import org.longform.read.ReadRequest;
import org.longform.runtime.LongformRuntime;
import org.longform.runtime.RowKey;

/** Evaluates one call on plain Java values. Knows nothing of Spark but how its tasks are killed. */
final class FunctionEvaluation {
  private static final AnswerMemo MEMO = new AnswerMemo();

  private FunctionEvaluation() {}

  /**
   * @param arguments strings, numbers, lists of strings; null for NULL
   * @param options what the conf and the options map say
   * @return the value, or rows of {@link AnswerSchema#DETAIL}; null where an argument is null
   * @throws LongformException where a row fails and {@code fail_on_error} is set, or INVALID_OPTION
   */
  static Object evaluate(
      SqlFunction function, FunctionForm form, List<Object> arguments, Options options) {
    if (arguments.contains(null)) {
      return null;
    }
    if (function instanceof SqlFunction.Direct direct) {
      return direct.answer(LongformRuntime.reader(options), arguments);
    }
    FunctionCall call = function.call(arguments);
    Options all = options.and(Options.ofCall(call.options()));
    List<Answer> answers = answers(call, all);
    if (all.get(RuntimeOptions.FAIL_ON_ERROR)) {
      failOnError(answers);
    }
    List<?> results = form == FunctionForm.VALUE ? texts(answers) : rows(answers);
    if (call.manyAnswers() == FunctionCall.Cardinality.ARRAY) {
      return results;
    }
    return form == FunctionForm.VALUE ? function.value(texts(answers).get(0)) : results.get(0);
  }

  /** A question that is NULL gets no answer; the others are asked in one reading. */
  private static List<Answer> answers(FunctionCall call, Options options) {
    List<String> asked = new ArrayList<>(call.questions());
    asked.removeIf(question -> question == null);
    List<Answer> given = asked.isEmpty() ? List.of() : read(call, asked, options);
    List<Answer> answers = new ArrayList<>();
    int next = 0;
    for (String question : call.questions()) {
      answers.add(question == null ? null : given.get(next++));
    }
    return answers;
  }

  private static List<Answer> read(FunctionCall call, List<String> questions, Options options) {
    TaskListener listener = new TaskListener(TaskContext.get());
    ReadRequest request =
        new ReadRequest(
            call.content(), call.task(), questions, RowKey.of(call.content()), listener);
    List<Answer> remembered = MEMO.find(options, request);
    if (!remembered.isEmpty()) {
      return remembered;
    }
    List<Answer> given = LongformRuntime.reader(options).read(request);
    given.stream()
        .map(Answer::failure)
        .flatMap(Optional::stream)
        .forEach(listener::killIfCancelled);
    MEMO.keep(options, request, given);
    return given;
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

  private static List<Object> rows(List<Answer> answers) {
    List<Object> rows = new ArrayList<>();
    answers.forEach(answer -> rows.add(answer == null ? null : AnswerSchema.toRow(answer)));
    return rows;
  }
}
