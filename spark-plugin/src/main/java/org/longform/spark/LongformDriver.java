package org.longform.spark;

import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.longform.models.ModelLocation;
import org.longform.options.ModelOptions;
import org.longform.options.Options;
import org.longform.runtime.LongformRuntime;
import org.longform.spark.conf.ModelAccess;
import org.longform.spark.conf.SparkSettings;

/** The driver's side: everything that can be wrong is found here, before executors start. */
final class LongformDriver implements DriverPlugin {
  private static final String EXTENSIONS = "spark.sql.extensions";

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
    return settings;
  }

  // An executor has a working directory of its own, in which a relative path means something else.
  private static void makeModelAbsolute(SparkConf conf) {
    String key = ModelOptions.MODEL.confKey();
    if (conf.contains(key)) {
      conf.set(key, ModelLocation.portable(conf.get(key)));
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
        new ShutdownSteps.Step("release the model", LongformRuntime::shutdown),
        // an application that starts later in this process has settings of its own
        new ShutdownSteps.Step("forget the settings", () -> LongformRuntime.configure(Map.of())));
  }
}
