package org.longform.sql;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * The calls that an operator evaluates together for each row, so that those of one document share a
 * reading of it.
 */
public final class DocumentCalls implements Serializable {
  private static final long serialVersionUID = 1L;

  private final CatalystFunction[] functions;
  private final Set<String> valuesAlone;

  /**
   * @param calls each {@link FunctionExpression#readsDocuments}
   * @param valuesAlone see {@link #valuesAlone}
   */
  public DocumentCalls(List<FunctionExpression> calls, Set<String> valuesAlone) {
    this.valuesAlone = Set.copyOf(valuesAlone);
    functions =
        calls.stream()
            .map(call -> (CatalystFunction) call.function())
            .toArray(CatalystFunction[]::new);
  }

  /**
   * Evaluates all calls of one row.
   *
   * @param arguments for each call its arguments
   * @return for each call its value as Catalyst holds it, null for NULL
   */
  public Object[] evaluate(InternalRow[] arguments, TaskListener listener) {
    List<PreparedCall> prepared = new ArrayList<>();
    for (int i = 0; i < functions.length; i++) {
      prepared.add(functions[i].prepare(arguments[i]));
    }
    Object[] results = FunctionEvaluation.evaluate(prepared, valuesAlone, listener);
    for (int i = 0; i < functions.length; i++) {
      results[i] = functions[i].toCatalyst(results[i]);
    }
    return results;
  }

  /**
   * The functions of which there is the value form and no detail form among all calls of a query.
   * No one sees their evidence, so it need not be computed. Where both forms are there, evidence is
   * computed for both: they share their answers.
   */
  public static Set<String> valuesAlone(List<FunctionExpression> calls) {
    Set<String> alone = new TreeSet<>();
    Set<String> detailed = new TreeSet<>();
    for (FunctionExpression call : calls) {
      if (call.function() instanceof CatalystFunction own) {
        (own.form() == FunctionForm.VALUE ? alone : detailed).add(own.word());
      }
    }
    alone.removeAll(detailed);
    return alone;
  }

  /** One line for EXPLAIN on how the calls will run. */
  public static String describe(List<FunctionExpression> calls) {
    return calls.stream()
        .map(FunctionExpression::howRead)
        .distinct()
        .collect(Collectors.joining("; "));
  }
}
