package org.longform.spark;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.longform.models.ModelLocation;
import org.longform.options.ModelOptions;
import org.longform.options.Options;
import org.longform.options.RuntimeOptions;
import org.longform.runtime.LongformRuntime;
import org.longform.spark.conf.ModelAccess;
import org.longform.spark.conf.SparkSettings;
import org.longform.spark.metrics.ApplicationTotals;
import org.longform.spark.metrics.ProgressLog;
import org.longform.spark.metrics.TotalsReport;

/** The driver's side: everything that can be wrong is found here, before executors start. */
final class LongformDriver implements DriverPlugin {
  private static final String EXTENSIONS = "spark.sql.extensions";

  private final ApplicationTotals totals = new ApplicationTotals();
  private Optional<ProgressLog> progress = Optional.empty();

  @Override
  public Map<String, String> init(SparkContext sparkContext, PluginContext context) {
    JavaVersion.check(Runtime.version().feature());
    SparkConf conf = context.conf();
    SparkSettings.of(conf); // refuses keys and values before they are used
    makeModelAbsolute(conf);
    ModelAccess.settle(conf);
    Map<String, String> settings = SparkSettings.of(conf);
    LongformRuntime.validate(Options.ofSparkConf(settings));
    addExtensions(conf);
    LongformRuntime.configure(settings);
    ApplicationTotals.use(totals);
    sparkContext.addSparkListener(totals);
    progress =
        Optional.of(
            ProgressLog.start(
                totals, Options.ofSparkConf(settings).get(RuntimeOptions.PROGRESS_INTERVAL)));
    return settings;
  }

  /** An executor tells what it did. */
  @Override
  public Object receive(Object message) {
    if (message instanceof TotalsReport report) {
      totals.add(report);
    }
    return true;
  }

  // An executor has a working directory of its own, in which a relative path means something else.
  private static void makeModelAbsolute(SparkConf conf) {
    for (String key : List.of(ModelOptions.MODEL.confKey(), ModelOptions.ADAPTER.confKey())) {
      if (conf.contains(key)) {
        conf.set(key, ModelLocation.portable(conf.get(key)));
      }
    }
  }

  // Plugins start inside the SparkContext; a SparkSession reads the key from the context's own
  // configuration afterwards, so what is written here is what the session finds.
  private static void addExtensions(SparkConf conf) {
    String ours = LongformExtensions.class.getName();
    String given = conf.get(EXTENSIONS, "").strip();
    if (given.isEmpty()) {
      conf.set(EXTENSIONS, ours);
    } else if (!List.of(given.split("\\s*,\\s*")).contains(ours)) {
      conf.set(EXTENSIONS, given + "," + ours);
    }
  }

  @Override
  public void shutdown() {
    ShutdownSteps.run(
        new ShutdownSteps.Step(
            "end the progress log", () -> progress.ifPresent(ProgressLog::close)),
        new ShutdownSteps.Step("forget the totals", () -> ApplicationTotals.use(null)),
        new ShutdownSteps.Step("release the model", LongformRuntime::shutdown),
        // an application that starts later in this process has settings of its own
        new ShutdownSteps.Step("forget the settings", () -> LongformRuntime.configure(Map.of())));
  }
}
