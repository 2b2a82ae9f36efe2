package org.longform.spark.metrics;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SQLContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.execution.datasources.LogicalRelation$;
import org.apache.spark.sql.sources.BaseRelation;
import org.apache.spark.sql.sources.TableScan;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import scala.Tuple3;
import scala.runtime.AbstractFunction1;

/**
 * The table function {@code ai_metrics()}: the application's totals, as they are when a query over
 * them is planned.
 */
public final class MetricsTable extends BaseRelation implements TableScan {
  private static final StructType SCHEMA =
      new StructType()
          .add("metric", DataTypes.StringType, false)
          .add("value", DataTypes.LongType, false)
          .add("unit", DataTypes.StringType, false)
          .add("description", DataTypes.StringType, false);

  private final SparkSession session;

  private MetricsTable(SparkSession session) {
    this.session = session;
  }

  /** Makes every session that these extensions serve know the function. */
  // the Scala signature wants a Tuple3 of Catalyst types that differ between Scala versions
  @SuppressWarnings({"unchecked", "rawtypes"})
  public static void inject(SparkSessionExtensions extensions, String prefix) {
    String name = prefix + "metrics";
    extensions.injectTableFunction(
        (Tuple3) new Tuple3<>(new FunctionIdentifier(name), info(name), builder(name)));
  }

  private static AbstractFunction1<scala.collection.Seq<Expression>, LogicalPlan> builder(
      String name) {
    return new AbstractFunction1<>() {
      @Override
      public LogicalPlan apply(scala.collection.Seq<Expression> arguments) {
        if (!arguments.isEmpty()) {
          throw new LongformException(
              ErrorClass.INVALID_INPUT,
              "Cannot call %s with %d arguments: it takes none. Write SELECT * FROM %s()."
                  .formatted(name, arguments.size(), name));
        }
        return LogicalRelation$.MODULE$.apply(new MetricsTable(SparkSession.active()), false);
      }
    };
  }

  private static ExpressionInfo info(String name) {
    return new ExpressionInfo(
        MetricsTable.class.getName(),
        null,
        name,
        name
            + "() - What the application's executors did so far: a table of metric, value, unit and description.",
        "",
        "\n    Examples:\n      > SELECT metric, value FROM %s() WHERE metric = 'tokensRead';\n  "
            .formatted(name),
        "",
        "",
        "0.1.0",
        "",
        "built-in");
  }

  @Override
  public SQLContext sqlContext() {
    return session.sqlContext();
  }

  @Override
  public StructType schema() {
    return SCHEMA;
  }

  @Override
  public RDD<Row> buildScan() {
    ApplicationTotals totals = ApplicationTotals.current();
    List<Row> rows = new ArrayList<>();
    for (Total total : Total.values()) {
      rows.add(RowFactory.create(total.id(), totals.of(total), total.unit(), total.doc()));
    }
    return JavaSparkContext.fromSparkContext(session.sparkContext()).parallelize(rows, 1).rdd();
  }
}
