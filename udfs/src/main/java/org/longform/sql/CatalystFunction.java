package org.longform.sql;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.longform.options.Options;
import scala.Function1;

/**
 * A function with its argument types fixed, as Catalyst evaluates it. Results depend on the
 * arguments alone (a row's seed comes from its content), so the expression is deterministic.
 */
final class CatalystFunction implements ScalarFunction<Object>, Serializable {
  static final MapType OPTIONS =
      DataTypes.createMapType(DataTypes.StringType, DataTypes.StringType, true);

  private static final long serialVersionUID = 1L;

  private final String word;
  private final FunctionForm form;
  private final String name;
  private final DataType[] arguments;
  private final DataType valueType;
  private final boolean withOptions;
  private final Options sessionOptions;
  private transient List<Function1<Object, Object>> toJava;
  private transient Function1<Object, Object> toCatalyst;

  /**
   * @param arguments types without the options map; of an aggregate only those of what is asked
   * @param valueType of the value form
   * @param withOptions whether the options map is the last argument
   * @param sessionOptions what the session's conf said when the query was analysed
   */
  CatalystFunction(
      SqlFunction function,
      FunctionForm form,
      String prefix,
      List<DataType> arguments,
      DataType valueType,
      boolean withOptions,
      Options sessionOptions) {
    this.word = function.word();
    this.form = form;
    this.name = form.name(prefix, function);
    this.arguments = arguments.toArray(DataType[]::new);
    this.valueType = valueType;
    this.withOptions = withOptions;
    this.sessionOptions = sessionOptions;
  }

  @Override
  public DataType[] inputTypes() {
    List<DataType> types = new ArrayList<>(List.of(arguments));
    if (withOptions) {
      types.add(OPTIONS);
    }
    return types.toArray(DataType[]::new);
  }

  @Override
  public DataType resultType() {
    if (form == FunctionForm.VALUE) {
      return valueType;
    }
    SqlFunction function = SqlFunctions.byWord(word);
    DataType detail = function.detailType(valueType);
    return function.givesArray(List.of(arguments)) ? DataTypes.createArrayType(detail) : detail;
  }

  @Override
  public boolean isResultNullable() {
    return true;
  }

  @Override
  public String name() {
    return name;
  }

  /** Equal calls are one call to Catalyst: it groups by them and evaluates them once. */
  @Override
  public boolean equals(Object other) {
    return other instanceof CatalystFunction that
        && name.equals(that.name)
        && Arrays.equals(arguments, that.arguments)
        && valueType.equals(that.valueType)
        && withOptions == that.withOptions
        && sessionOptions.equals(that.sessionOptions);
  }

  @Override
  public int hashCode() {
    return Objects.hash(name, Arrays.hashCode(arguments), withOptions, sessionOptions);
  }

  @Override
  public String canonicalName() {
    return "longform." + name + "(" + List.of(arguments) + ")" + sessionOptions.toMap();
  }

  @Override
  public Object produceResult(InternalRow input) {
    TaskListener listener = new TaskListener(TaskContext.get());
    return toCatalyst(FunctionEvaluation.evaluate(List.of(prepare(input)), Set.of(), listener)[0]);
  }

  /** What the function is called by in all its forms. */
  String word() {
    return word;
  }

  FunctionForm form() {
    return form;
  }

  /** Whether a document is read for it. */
  boolean reads() {
    return !(SqlFunctions.byWord(word) instanceof SqlFunction.Direct);
  }

  /** The options the session gives; a call's own map comes on top, row by row. */
  Options sessionOptions() {
    return sessionOptions;
  }

  /** A result of {@link FunctionEvaluation} as Catalyst holds it. */
  Object toCatalyst(Object result) {
    makeConverters();
    return toCatalyst.apply(result);
  }

  /** One call, its arguments as plain Java values. */
  PreparedCall prepare(InternalRow input) {
    makeConverters();
    List<Object> values = new ArrayList<>();
    for (int i = 0; i < arguments.length; i++) {
      values.add(javaValue(toJava.get(i).apply(input.get(i, arguments[i]))));
    }
    Options options =
        withOptions && !input.isNullAt(arguments.length)
            ? options(input.getMap(arguments.length))
            : sessionOptions;
    return new PreparedCall(SqlFunctions.byWord(word), form, values, options);
  }

  /** Whether the last argument is a map of options. */
  boolean withOptions() {
    return withOptions;
  }

  /** The options the session gives and on top those of a call's own map, null for none. */
  Options options(MapData given) {
    if (given == null) {
      return sessionOptions;
    }
    makeConverters();
    return sessionOptions.and(
        Options.ofQuery(JavaValues.stringMap(toJava.get(arguments.length).apply(given))));
  }

  private static Object javaValue(Object value) {
    return value instanceof scala.collection.Seq<?> several ? JavaValues.list(several) : value;
  }

  /** Converters are not serializable: each executor makes its own. */
  private void makeConverters() {
    if (toCatalyst != null) {
      return;
    }
    List<Function1<Object, Object>> converters = new ArrayList<>();
    for (DataType type : inputTypes()) {
      converters.add(CatalystTypeConverters.createToScalaConverter(type));
    }
    toJava = converters;
    toCatalyst = CatalystTypeConverters.createToCatalystConverter(resultType());
  }
}
