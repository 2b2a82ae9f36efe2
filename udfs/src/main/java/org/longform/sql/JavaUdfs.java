package org.longform.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Row;
import org.longform.options.Options;

/** What the plain Java UDF classes share: the call with the conf of the session they run in. */
public final class JavaUdfs {
  private JavaUdfs() {}

  /** The value of a function. */
  public static Object value(String word, Object... arguments) {
    return evaluate(word, FunctionForm.VALUE, arguments);
  }

  /** The value of a function that gives a struct, as JSON. */
  public static String json(String word, Object... arguments) {
    Row value = (Row) value(word, arguments);
    return value == null ? null : value.json();
  }

  /** The detail of a function that gives one answer. */
  public static Row detail(String word, Object... arguments) {
    return (Row) evaluate(word, FunctionForm.DETAIL, arguments);
  }

  private static Object evaluate(String word, FunctionForm form, Object... arguments) {
    Options options = SessionConf.options();
    List<Object> plain = new ArrayList<>();
    for (Object argument : arguments) {
      plain.add(
          argument instanceof scala.collection.Seq<?> several
              ? JavaValues.list(several)
              : argument);
    }
    Object last = arguments[arguments.length - 1];
    if (last instanceof java.util.Map<?, ?> || last instanceof scala.collection.Map<?, ?>) {
      options = options.and(Options.ofQuery(JavaValues.stringMap(last)));
      plain = plain.subList(0, plain.size() - 1);
    }
    PreparedCall call = new PreparedCall(SqlFunctions.byWord(word), form, plain, options);
    TaskListener listener = new TaskListener(TaskContext.get());
    return FunctionEvaluation.evaluate(List.of(call), Set.of(), listener)[0];
  }
}
