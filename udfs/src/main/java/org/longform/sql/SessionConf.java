package org.longform.sql;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.internal.SQLConf;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.AllOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Option;
import org.longform.options.Options;
import org.longform.runtime.LongformRuntime;
import scala.Tuple2;

/** What the Spark configuration says about Longform: the application's, then the session's. */
public final class SessionConf {
  private static final String PREFIX = "spark.longform.";

  // a session is its user's: what the application's owner decided stays, whatever it sets
  private static final Set<String> FIXED_KEYS =
      AllOptions.ALL.stream()
          .filter(option -> option.applicable() != Option.Applicable.QUERY)
          .map(Option::confKey)
          .collect(Collectors.toUnmodifiableSet());

  private SessionConf() {}

  /**
   * @throws LongformException INVALID_OPTION for an unknown key under {@code spark.longform.}, and
   *     where the session sets what the application fixed
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
      if (FIXED_KEYS.contains(entry._1())) {
        requireSame(entry._1(), entry._2(), conf.get(entry._1()));
      } else if (entry._1().startsWith(PREFIX)) {
        conf.put(entry._1(), entry._2());
      }
    }
    Options options = Options.ofSparkConf(conf);
    return TaskContext.get() == null ? LongformRuntime.portable(options) : options;
  }

  /** A session begins with a copy of the application's keys. */
  private static void requireSame(String key, String session, String application) {
    // the plugin completes this one, which a session then has as it was written; to name a model
    // beyond it is refused with a sentence of its own
    if (session.equals(application) || key.equals(ModelOptions.ALLOWED_MODEL_PATHS.confKey())) {
      return;
    }
    throw new LongformException(
        ErrorClass.INVALID_OPTION,
        "Cannot use %s as the session sets it: it is fixed when the application starts (%s, not %s). Take it back with RESET %s."
            .formatted(key, application == null ? "not set" : application, session, key));
  }
}
