package org.longform.spark.conf;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.longform.options.Options;
import org.longform.options.RuntimeOptions;
import scala.Tuple2;

/** The {@code spark.longform.*} keys of a Spark application. */
public final class SparkSettings {
  private static final String PREFIX = "spark.longform.";
  private static final String TASK_CPUS = "spark.task.cpus";
  private static final List<String> FORWARDED =
      List.of("spark.local.dir", "spark.master", "spark.executor.cores");

  private SparkSettings() {}

  /**
   * Our keys with their values, checked, and what else the runtime asks for: cores, local
   * directories and the memory of an executor, if they are set.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION for an unknown key, naming
   *     the nearest known ones, or for a value that does not fit
   */
  public static Map<String, String> of(SparkConf conf) {
    Map<String, String> ours = new TreeMap<>();
    for (Tuple2<String, String> entry : conf.getAllWithPrefix(PREFIX)) {
      ours.put(PREFIX + entry._1(), entry._2());
    }
    Options.ofSparkConf(ours);
    ours.put(TASK_CPUS, conf.get(TASK_CPUS, "1"));
    for (String key : FORWARDED) {
      if (conf.contains(key)) {
        ours.put(key, conf.get(key));
      }
    }
    ours.putAll(ExecutorContainer.settings(conf));
    return ours;
  }

  /** The keys of the application that runs in this process; none if there is no application. */
  public static Map<String, String> ofThisProcess() {
    SparkEnv env = SparkEnv.get();
    return env == null ? Map.of() : of(env.conf());
  }

  /** What the names of the SQL functions begin with. */
  public static String sqlPrefix(Map<String, String> settings) {
    return Options.ofSparkConf(settings).get(RuntimeOptions.SQL_PREFIX);
  }
}
