package org.longform.spark;

import java.util.Map;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.SparkSessionExtensions;
import org.longform.options.Options;
import org.longform.runtime.LongformRuntime;
import org.longform.spark.conf.HubAccess;
import org.longform.spark.conf.ModelAccess;
import org.longform.spark.conf.SparkSettings;
import org.longform.spark.metrics.MetricsTable;
import org.longform.spark.plan.AggregateCall;
import org.longform.spark.plan.PlanReading;
import org.longform.sql.SqlFunctions;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * Gives a session the SQL functions: {@code spark.sql.extensions} or {@code
 * SparkSession.Builder.withExtensions}. {@link LongformPlugin} adds it by itself; alone it is for
 * places where plugins cannot be set, and there are then no executor metrics.
 */
public final class LongformExtensions extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
  @Override
  public BoxedUnit apply(SparkSessionExtensions extensions) {
    if (SparkEnv.get() != null) {
      HubAccess.settle(SparkEnv.get().conf(), System.getenv());
      ModelAccess.settle(SparkEnv.get().conf());
    }
    Map<String, String> settings = SparkSettings.ofThisProcess();
    LongformRuntime.validate(Options.ofSparkConf(settings));
    LongformRuntime.configure(settings);
    String prefix = SparkSettings.sqlPrefix(settings);
    SqlFunctions.inject(extensions, prefix);
    AggregateCall.inject(extensions, prefix);
    PlanReading.inject(extensions);
    MetricsTable.inject(extensions, prefix);
    return BoxedUnit.UNIT;
  }
}
