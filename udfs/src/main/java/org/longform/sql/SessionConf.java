package org.longform.sql;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.internal.SQLConf;
import org.longform.options.AllOptions;
import org.longform.options.Option;
import org.longform.options.Options;
import org.longform.runtime.LongformRuntime;
import scala.Tuple2;

/** What the Spark configuration says about Longform: the application's, then the session's. */
public final class SessionConf {
  private static final String PREFIX = "spark.longform.";

  // a session is its user's: what the application's owner decided stays, whatever it sets
  private static final Set<String> APPLICATION_KEYS =
      AllOptions.ALL.stream()
          .filter(option -> option.applicable() == Option.Applicable.APPLICATION)
          .map(Option::confKey)
          .collect(Collectors.toUnmodifiableSet());

  private SessionConf() {}

  /**
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION for an unknown key under
   *     {@code spark.longform.}
   */
  public static Options options() {
    Map<String, String> conf = new HashMap<>();
    SparkEnv env = SparkEnv.get();
    if (env != null) {
      for (Tuple2<String, String> entry : env.conf().getAllWithPrefix(PREFIX)) {
        conf.put(PREFIX + entry._1(), entry._2());
      }
    }
    for (scala.collection.Iterator<Tuple2<String, String>> it =
            SQLConf.get().getAllConfs().iterator();
        it.hasNext(); ) {
      Tuple2<String, String> entry = it.next();
      if (entry._1().startsWith(PREFIX) && !APPLICATION_KEYS.contains(entry._1())) {
        conf.put(entry._1(), entry._2());
      }
    }
    Options options = Options.ofSparkConf(conf);
    return TaskContext.get() == null ? LongformRuntime.portable(options) : options;
  }
}
