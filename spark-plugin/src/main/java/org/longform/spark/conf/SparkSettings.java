package org.longform.spark.conf;

import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.internal.SQLConf;
import org.longform.options.Options;
import org.longform.options.RuntimeOptions;
import scala.Tuple2;
import scala.collection.Iterator;

/** The {@code spark.longform.*} keys of a Spark application. */
public final class SparkSettings {
  private static final String PREFIX = "spark.longform.";

  private SparkSettings() {}

  /**
   * Our keys with their values, checked.
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

  /** The options of one call over those of this session, or of the application without one. */
  public static Options ofCall(Map<String, String> call) {
    Map<String, String> session = new TreeMap<>();
    Iterator<Tuple2<String, String>> all = SQLConf.get().getAllConfs().iterator();
    while (all.hasNext()) {
      Tuple2<String, String> entry = all.next();
      if (entry._1().startsWith(PREFIX)) {
        session.put(entry._1(), entry._2());
      }
    }
    return Options.ofSparkConf(session).and(Options.ofCall(call));
  }
}
