package org.longform.spark;

import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * Brings Longform into a Spark application: {@code spark.plugins=org.longform.spark.LongformPlugin}
 * is all that is needed. The driver checks the {@code spark.longform.*} keys and the model before
 * the first task runs, and adds {@link LongformExtensions} to the session; each executor loads the
 * model once, when its first row arrives.
 */
public final class LongformPlugin implements SparkPlugin {
  @Override
  public DriverPlugin driverPlugin() {
    return new LongformDriver();
  }

  @Override
  public ExecutorPlugin executorPlugin() {
    return new LongformExecutor();
  }
}
