package org.longform.sql;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.internal.SQLConf;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.AllOptions;
import org.longform.options.Option;
import org.longform.options.Options;
import org.longform.runtime.LongformRuntime;
import scala.Tuple2;

/** What the Spark configuration says about Longform: the application's, then the session's. */
public final class SessionConf {
  private static final String PREFIX = "spark.longform.";

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
    Map<String, String> application = Map.copyOf(conf);
    for (scala.collection.Iterator<Tuple2<String, String>> it =
            SQLConf.get().getAllConfs().iterator();
        it.hasNext(); ) {
      Tuple2<String, String> entry = it.next();
      if (entry._1().startsWith(PREFIX)) {
        conf.put(entry._1(), entry._2());
      }
    }
    if (env != null) {
      requireFixed(application, conf);
    }
    Options options = Options.ofSparkConf(conf);
    return TaskContext.get() == null ? LongformRuntime.portable(options) : options;
  }

  /** A session is its user's: it may not change what the application's owner decided. */
  private static void requireFixed(Map<String, String> application, Map<String, String> session) {
    for (Option<?> option : AllOptions.ALL) {
      String key = option.confKey();
      if (option.applicable() == Option.Applicable.APPLICATION
          && !Objects.equals(application.get(key), session.get(key))) {
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot use '%s' of this session: it is fixed when the application starts. RESET %s."
                .formatted(key, key));
      }
    }
  }
}
