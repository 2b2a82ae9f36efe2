package org.longform.sql;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.longform.kernels.error.LongformException;
import org.longform.options.OptionSource;
import org.longform.options.Options;
import org.longform.options.OutputOptions;
import org.longform.read.Answer;
import org.longform.read.Ask;
import org.longform.runtime.LongformRuntime;
import org.longform.runtime.RowKey;

/**
 * Evaluates calls on plain Java values; those of one row that name one document share a reading.
 */
final class FunctionEvaluation {
  private static final AnswerMemo MEMO = new AnswerMemo();

  private final List<PreparedCall> calls;
  private final Set<String> valuesAlone;
  private final TaskListener listener;
  private final Object[] results;

  private FunctionEvaluation(
      List<PreparedCall> calls, Set<String> valuesAlone, TaskListener listener) {
    this.calls = calls;
    this.valuesAlone = valuesAlone;
    this.listener = listener;
    this.results = new Object[calls.size()];
  }

  /**
   * A call whose answers come from the model, and the place of its result.
   *
   * @param evidence whether someone may see it
   */
  private record Asking(
      int slot, PreparedCall call, FunctionCall asked, Options options, boolean evidence) {
    /** The questions that are not NULL. */
    List<String> questions() {
      return asked.questions().stream().filter(question -> question != null).toList();
    }

    /** The options its answers are written with. */
    Options written() {
      return evidence ? options : options.with(OutputOptions.EVIDENCE_COUNT, 0, OptionSource.CALL);
    }

    List<Answer> remembered(String rowKey) {
      if (questions().isEmpty()) {
        return List.of();
      }
      List<Answer> known = MEMO.find(options, asked.task(), rowKey, questions());
      return known.isEmpty() && !evidence
          ? MEMO.find(written(), asked.task(), rowKey, questions())
          : known;
    }
  }

  /**
   * The calls of one row.
   *
   * @param valuesAlone words of functions of which the query has no detail form, so that no one
   *     sees the evidence
   * @return for each the value, or rows of {@link AnswerSchema#DETAIL}; null where an argument is
   *     null
   * @throws LongformException where a row fails and {@code fail_on_error} is set, or INVALID_OPTION
   */
  static Object[] evaluate(
      List<PreparedCall> calls, Set<String> valuesAlone, TaskListener listener) {
    return new FunctionEvaluation(calls, valuesAlone, listener).evaluate();
  }

  private Object[] evaluate() {
    Map<String, List<Asking>> byDocument = new LinkedHashMap<>();
    for (int i = 0; i < calls.size(); i++) {
      PreparedCall call = calls.get(i);
      if (call.arguments().contains(null)) {
        continue;
      }
      if (call.function() instanceof SqlFunction.Direct direct) {
        results[i] = direct.answer(LongformRuntime.reader(call.options()), call.arguments());
        continue;
      }
      FunctionCall asked = call.function().call(call.arguments());
      Options options = call.options().and(Options.ofCall(asked.options()));
      byDocument
          .computeIfAbsent(asked.content(), content -> new ArrayList<>())
          .add(new Asking(i, call, asked, options, !valuesAlone.contains(call.function().word())));
    }
    byDocument.forEach(this::answer);
    return results;
  }

  private void answer(String content, List<Asking> askings) {
    String rowKey = RowKey.of(content);
    List<Asking> missing = new ArrayList<>();
    Map<Integer, List<Answer>> answers = new LinkedHashMap<>();
    for (Asking asking : askings) {
      List<Answer> remembered = asking.remembered(rowKey);
      if (remembered.isEmpty() && !asking.questions().isEmpty()) {
        missing.add(asking);
      } else {
        listener.answersReused(remembered.size());
        answers.put(asking.slot, remembered);
      }
    }
    List<Ask> asks =
        missing.stream()
            .map(each -> new Ask(each.asked.task(), each.questions(), each.written()))
            .toList();
    List<List<Answer>> given = LongformRuntime.readTogether(content, asks, listener);
    for (int i = 0; i < missing.size(); i++) {
      Asking asking = missing.get(i);
      for (Answer answer : given.get(i)) {
        answer.failure().ifPresent(error -> listener.killIfCancelled());
      }
      MEMO.keep(asking.written(), asking.asked.task(), rowKey, asking.questions(), given.get(i));
      answers.put(asking.slot, given.get(i));
    }
    for (Asking asking : askings) {
      results[asking.slot] =
          new CallResult(
                  asking.call,
                  asking.asked,
                  asking.options,
                  answer -> asking.call.function().row(answer, asking.call.arguments()))
              .of(answers.get(asking.slot));
    }
  }
}
