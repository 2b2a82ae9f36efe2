package org.longform.spark;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.longform.options.AllOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Option;
import org.longform.options.Options;
import org.longform.options.RuntimeOptions;
import org.longform.runtime.LongformRuntime;
import org.longform.spark.conf.HubAccess;
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
    HubAccess.settle(conf, System.getenv());
    makeModelPortable(conf);
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
    if (message instanceof PinnedModel.Question question) {
      return PinnedModel.reply(question);
    }
    if (message instanceof TotalsReport report) {
      totals.add(report);
    }
    return true;
  }

  // An executor has a working directory of its own, in which a relative path means something else,
  // and a branch of the hub may have moved when it asks.
  private static void makeModelPortable(SparkConf conf) {
    if (AllOptions.MODELS.stream().noneMatch(model -> conf.contains(model.confKey()))) {
      return;
    }
    Map<String, String> settings = SparkSettings.of(conf);
    // those are for queries: whoever starts the application may name any model for it
    settings.remove(ModelOptions.ALLOWED_MODEL_PATHS.confKey());
    Options portable = LongformRuntime.portable(Options.ofSparkConf(settings));
    for (Option<String> model : AllOptions.MODELS) {
      if (conf.contains(model.confKey())) {
        conf.set(model.confKey(), portable.get(model));
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
