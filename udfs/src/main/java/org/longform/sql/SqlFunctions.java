package org.longform.sql;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.Options;
import scala.Function1;
import scala.Tuple3;
import scala.runtime.AbstractFunction1;

/** The lists of SQL functions. To add one: one file, one line here. */
public final class SqlFunctions {
  public static final List<SqlFunction> ALL =
      List.of(
          new GenFunction(),
          new SummarizeFunction(),
          new AskFunction(),
          new ClassifyFunction(),
          new ExtractFunction(),
          new FilterFunction(),
          new PerplexityFunction(),
          new CountTokensFunction());

  private static final String STAGE_PREFIX = "longform_stage_";

  /** Functions over the rows of a group. They need the extension, which plans them. */
  public static final List<SqlAggregate> AGGREGATES =
      List.of(new AggFunction(), new SummarizeAggFunction(), new AskAggFunction());

  private SqlFunctions() {}

  static SqlFunction byWord(String word) {
    return Stream.concat(ALL.stream(), AGGREGATES.stream())
        .filter(function -> function.word().equals(word))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INTERNAL,
                    "Cannot find the SQL function '%s': driver and executors run different versions. Give both the same jar."
                        .formatted(word)));
  }

  static List<FunctionForm> forms(SqlFunction function) {
    return function instanceof SqlFunction.Direct
        ? List.of(FunctionForm.VALUE)
        : List.of(FunctionForm.VALUE, FunctionForm.DETAIL);
  }

  /** The aggregate functions under all their names. */
  public static List<AggregateForm> aggregates(String prefix) {
    List<AggregateForm> all = new ArrayList<>();
    for (SqlAggregate function : AGGREGATES) {
      forms(function).forEach(form -> all.add(new AggregateForm(function, form, prefix)));
    }
    return all;
  }

  /** Names of all functions, detail forms included. */
  public static List<String> names(String prefix) {
    List<String> names = new ArrayList<>();
    for (SqlFunction function : ALL) {
      forms(function).forEach(form -> names.add(form.name(prefix, function)));
    }
    aggregates(prefix).forEach(form -> names.add(form.name()));
    return names;
  }

  /** Makes every session that these extensions serve know the functions by bare name. */
  public static void inject(SparkSessionExtensions extensions, String prefix) {
    for (SqlFunction function : ALL) {
      for (FunctionForm form : forms(function)) {
        injectOne(extensions, function, form, prefix);
      }
    }
  }

  // the Scala signature wants a Tuple3 of Catalyst types that differ between Scala versions
  @SuppressWarnings({"unchecked", "rawtypes"})
  private static void injectOne(
      SparkSessionExtensions extensions, SqlFunction function, FunctionForm form, String prefix) {
    String name = form.name(prefix, function);
    extensions.injectFunction(
        (Tuple3)
            new Tuple3<>(
                new FunctionIdentifier(name),
                info(function, form, name),
                builder(function, form, prefix)));
  }

  /**
   * Makes sure that a session knows the detail form of a function by a name that no user gives, for
   * stages that must work whatever the session's extensions are.
   *
   * @return the name
   */
  public static String forStages(SparkSession session, String word) {
    SqlFunction function = byWord(word);
    String name = FunctionForm.DETAIL.name(STAGE_PREFIX, function);
    if (!session.sessionState().functionRegistry().functionExists(new FunctionIdentifier(name))) {
      registerOne(session, function, FunctionForm.DETAIL, STAGE_PREFIX);
    }
    return name;
  }

  /**
   * Type of what a function gives for arguments that are the same for all rows.
   *
   * @param word of the function
   * @param literals after the document, as plain Java values
   * @throws LongformException INVALID_INPUT where they cannot be used
   */
  public static DataType valueType(String word, List<Object> literals) {
    List<DataType> types = new ArrayList<>(List.of(DataTypes.StringType));
    List<Object> values = new ArrayList<>(Collections.singletonList(null));
    for (Object literal : literals) {
      types.add(
          literal instanceof List<?>
              ? DataTypes.createArrayType(DataTypes.StringType)
              : DataTypes.StringType);
      values.add(literal);
    }
    return byWord(word).valueType(types, values);
  }

  /** As {@link #valueType}, for the detail form. */
  public static DataType detailType(String word, List<Object> literals) {
    return byWord(word).detailType(valueType(word, literals));
  }

  /** Registers the functions in one session that was made without the extension. */
  public static void register(SparkSession session, String prefix) {
    for (SqlFunction function : ALL) {
      forms(function).forEach(form -> registerOne(session, function, form, prefix));
    }
  }

  @SuppressWarnings({"unchecked", "rawtypes"}) // as for injectOne
  private static void registerOne(
      SparkSession session, SqlFunction function, FunctionForm form, String prefix) {
    String name = form.name(prefix, function);
    session
        .sessionState()
        .functionRegistry()
        .registerFunction(
            new FunctionIdentifier(name),
            info(function, form, name),
            (Function1) builder(function, form, prefix));
  }

  private static Function1<scala.collection.Seq<Expression>, Expression> builder(
      SqlFunction function, FunctionForm form, String prefix) {
    return new AbstractFunction1<>() {
      @Override
      public Expression apply(scala.collection.Seq<Expression> arguments) {
        return build(function, form, prefix, arguments);
      }
    };
  }

  private static Expression build(
      SqlFunction function,
      FunctionForm form,
      String prefix,
      scala.collection.Seq<Expression> arguments) {
    List<DataType> given = new ArrayList<>();
    JavaValues.list(arguments).forEach(each -> given.add(((Expression) each).dataType()));
    boolean withOptions =
        !given.isEmpty() && given.get(given.size() - 1) instanceof MapType && given.size() > 1;
    List<DataType> plain = withOptions ? given.subList(0, given.size() - 1) : given;
    List<DataType> types =
        function
            .accepts(plain)
            .orElseThrow(() -> wrongArguments(form.name(prefix, function), function, given));
    Options session = SessionConf.options();
    List<Object> literals = new ArrayList<>();
    for (Object each : JavaValues.list(arguments).subList(0, plain.size())) {
      literals.add(Literals.value((Expression) each));
    }
    DataType valueType = function.valueType(types, literals);
    return new FunctionExpression(
        new CatalystFunction(function, form, prefix, types, valueType, withOptions, session),
        arguments.toList());
  }

  static LongformException wrongArguments(String name, SqlFunction function, List<DataType> given) {
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot call %s with %d arguments (%s): it takes (%s)."
            .formatted(
                name,
                given.size(),
                String.join(", ", given.stream().map(DataType::simpleString).toList()),
                function.arguments()));
  }

  static ExpressionInfo info(SqlFunction function, FunctionForm form, String name) {
    String what =
        form == FunctionForm.VALUE
            ? function.doc()
            : function.doc() + " Returns a struct: the value, its error, usage and evidence.";
    StringBuilder examples = new StringBuilder("\n    Examples:\n");
    if (form == FunctionForm.VALUE) {
      for (SqlFunction.Example example : function.examples()) {
        examples.append("      > ").append(example.query().replace("\n", "\\n")).append(";\n");
        examples.append("       ").append(example.prints()).append('\n');
      }
    }
    return new ExpressionInfo(
        SqlFunctions.class.getName(),
        null,
        name,
        name + "(" + function.arguments() + ") - " + what,
        "",
        examples.append("  ").toString(),
        "",
        "",
        "0.1.0",
        "",
        "scala_udf");
  }
}
