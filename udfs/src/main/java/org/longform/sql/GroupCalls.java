package org.longform.sql;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.longform.options.OptionSource;
import org.longform.options.Options;
import org.longform.options.OutputOptions;
import org.longform.read.Answer;
import org.longform.read.Ask;
import org.longform.runtime.LongformRuntime;

/** The calls that an operator evaluates for each group from one reading of its rows. */
public final class GroupCalls implements Serializable {
  private static final long serialVersionUID = 1L;

  private final CatalystFunction[] functions;

  public GroupCalls(List<AggregateSignature> calls) {
    functions = calls.stream().map(AggregateSignature::function).toArray(CatalystFunction[]::new);
  }

  /** A call of which no argument is NULL, and the place of its result. */
  private record Asking(int slot, PreparedCall call, FunctionCall asked, Options options) {
    /** The questions that are not NULL. */
    Ask ask() {
      List<String> questions = asked.questions().stream().filter(each -> each != null).toList();
      return new Ask(asked.task(), questions, options);
    }
  }

  /**
   * Evaluates all calls for one group.
   *
   * @param asked for each call what it asks and its options, those of any row
   * @param rows the group, which is read to its end
   * @return for each call its value as Catalyst holds it, null for NULL
   */
  public Object[] evaluate(InternalRow[] asked, GroupRows rows, TaskListener listener) {
    List<Asking> askings = new ArrayList<>();
    for (int i = 0; i < functions.length; i++) {
      PreparedCall call = functions[i].prepare(asked[i]);
      if (!call.arguments().contains(null)) {
        askings.add(asking(i, call));
      }
    }
    Object[] results = new Object[functions.length];
    if (!askings.isEmpty() && !rows.isEmpty()) {
      answer(askings, rows, listener, results);
    }
    rows.finish();
    return results;
  }

  private static Asking asking(int slot, PreparedCall call) {
    FunctionCall asked = call.function().call(call.arguments());
    Options options = call.options().and(Options.ofCall(asked.options()));
    if (call.form() == FunctionForm.VALUE) {
      // no one sees the evidence, for which the rows would have to be kept
      options = options.with(OutputOptions.EVIDENCE_COUNT, 0, OptionSource.CALL);
    }
    return new Asking(slot, call, asked, options);
  }

  private void answer(
      List<Asking> askings, GroupRows rows, TaskListener listener, Object[] results) {
    List<Asking> asking =
        askings.stream().filter(each -> !each.ask().questions().isEmpty()).toList();
    List<List<Answer>> given =
        LongformRuntime.readTogether(rows, asking.stream().map(Asking::ask).toList(), listener);
    // what Spark could not deliver is not the group's fault
    rows.throwFailure();
    given.forEach(
        answers ->
            answers.forEach(answer -> answer.failure().ifPresent(listener::killIfCancelled)));
    rows.finish();
    for (Asking each : askings) {
      int index = asking.indexOf(each);
      List<Answer> answers = index < 0 ? List.of() : given.get(index);
      answers.forEach(answer -> rows.noteSkipped(answer.rows().skipped()));
      CallResult result =
          new CallResult(
              each.call,
              each.asked,
              each.options,
              answer -> AnswerSchema.toGroupRow(answer, rows.withText()));
      results[each.slot] = functions[each.slot].toCatalyst(result.of(answers));
    }
  }

  /** One line for EXPLAIN on how the groups will be read. */
  public String describe() {
    return DocumentCalls.describe(List.of(functions));
  }
}
