package org.longform.spark.conf;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.SparkConf;
import org.longform.models.AllowedModels;
import org.longform.options.AllOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Option;

/** Which models the queries of an application may name, decided when it starts. */
public final class ModelAccess {
  private static final List<String> SERVERS =
      List.of("HiveThriftServer2", "SparkConnectServer", "SparkConnectPlugin");

  private ModelAccess() {}

  /**
   * Writes the decision into the configuration, from which driver and executors read it: what the
   * owner set, or nothing but the application's own model in a server for other users, whose
   * queries would otherwise open files with the server's rights.
   */
  public static void settle(SparkConf conf) {
    settle(conf, System.getProperty("sun.java.command", ""));
  }

  static void settle(SparkConf conf, String command) {
    String key = ModelOptions.ALLOWED_MODEL_PATHS.confKey();
    boolean serves =
        SERVERS.stream()
            .anyMatch(
                name -> command.contains(name) || conf.get("spark.plugins", "").contains(name));
    if (!conf.contains(key) && !serves) {
      return;
    }
    List<String> given = ModelOptions.ALLOWED_MODEL_PATHS.parse(key, conf.get(key, "[]"));
    Set<String> allowed = new LinkedHashSet<>();
    given.forEach(path -> allowed.add(AllowedModels.portable(path)));
    for (Option<String> own : AllOptions.MODELS) {
      if (conf.contains(own.confKey())) {
        allowed.add(AllowedModels.portableOwn(conf.get(own.confKey())));
      }
    }
    conf.set(key, ModelOptions.ALLOWED_MODEL_PATHS.type().format().apply(new ArrayList<>(allowed)));
  }
}
