package org.longform.sql;

import java.util.List;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.MapType;

/** An aggregate function under one of its names. */
public final class AggregateForm {
  private final SqlAggregate function;
  private final FunctionForm form;
  private final String prefix;

  AggregateForm(SqlAggregate function, FunctionForm form, String prefix) {
    this.function = function;
    this.form = form;
    this.prefix = prefix;
  }

  public String name() {
    return form.name(prefix, function);
  }

  public ExpressionInfo info() {
    return SqlFunctions.info(function, form, name());
  }

  /**
   * What a call with arguments of these types means, in the session that is active.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_INPUT for arguments that the
   *     function does not take
   */
  public AggregateSignature signature(List<DataType> given) {
    boolean withOptions = given.size() > 1 && given.get(given.size() - 1) instanceof MapType;
    List<DataType> plain = withOptions ? given.subList(0, given.size() - 1) : given;
    List<DataType> asks =
        function
            .asks(plain)
            .orElseThrow(() -> SqlFunctions.wrongArguments(name(), function, given));
    DataType orderKey = plain.size() > 1 + asks.size() ? plain.get(1 + asks.size()) : null;
    return new AggregateSignature(
        new CatalystFunction(
            function,
            form,
            prefix,
            asks,
            function.valueType(asks),
            withOptions,
            SessionConf.options()),
        asks.size(),
        orderKey,
        withOptions);
  }
}
