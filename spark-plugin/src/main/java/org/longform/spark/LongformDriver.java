package org.longform.spark;

import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.longform.runtime.LongformRuntime;
import org.longform.spark.conf.SparkSettings;

/** The driver's side: everything that can be wrong is found here, before executors start. */
final class LongformDriver implements DriverPlugin {
  private static final String EXTENSIONS = "spark.sql.extensions";

  @Override
  public Map<String, String> init(SparkContext sparkContext, PluginContext context) {
    JavaVersion.check(Runtime.version().feature());
    Map<String, String> settings = SparkSettings.of(context.conf());
    LongformRuntime.configure(settings);
    LongformRuntime.validate(Map.of());
    addExtensions(context.conf());
    return settings;
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
    LongformRuntime.shutdown();
  }
}
