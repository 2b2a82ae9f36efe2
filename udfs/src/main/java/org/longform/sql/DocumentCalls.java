package org.longform.sql;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * The calls that an operator evaluates together for each row, so that those of one document share a
 * reading of it.
 */
public final class DocumentCalls implements Serializable {
  private static final long serialVersionUID = 1L;

  private final CatalystFunction[] functions;

  /**
   * @param calls each {@link FunctionExpression#readsDocuments}
   */
  public DocumentCalls(List<FunctionExpression> calls) {
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
    Object[] results = FunctionEvaluation.evaluate(prepared, listener);
    for (int i = 0; i < functions.length; i++) {
      results[i] = functions[i].toCatalyst(results[i]);
    }
    return results;
  }

  /** One line for EXPLAIN on how the calls will run. */
  public static String describe(List<FunctionExpression> calls) {
    return calls.stream()
        .map(FunctionExpression::howRead)
        .distinct()
        .collect(Collectors.joining("; "));
  }
}
