package org.longform.spark.conf;

import java.util.Map;
import org.apache.spark.SparkConf;
import org.longform.options.ModelOptions;

/** Which hub an application's executors ask for models: they have environments of their own. */
public final class HubAccess {
  private HubAccess() {}

  /**
   * Writes what the driver's environment says of the hub into the configuration, from which
   * executors read it. Its token stays where it is: executors have {@code
   * spark.executorEnv.HF_TOKEN}.
   */
  public static void settle(SparkConf conf, Map<String, String> environment) {
    String endpoint = environment.getOrDefault("HF_ENDPOINT", "").strip();
    // what cannot be an address, or has a password in it, is refused where a model is looked for
    if (ModelOptions.isHubEndpoint(endpoint)) {
      conf.setIfMissing(ModelOptions.HUB_ENDPOINT.confKey(), endpoint);
    }
    String offline = environment.getOrDefault("HF_HUB_OFFLINE", "").strip();
    if (offline.matches("(?i)1|on|yes|true")) {
      conf.setIfMissing(ModelOptions.HUB_OFFLINE.confKey(), "true");
    }
  }
}
