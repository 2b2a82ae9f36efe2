package org.longform.spark.storage;

import java.util.Map;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkEnv;

/** Keeps passwords and keys out of sentences. */
final class Secrets {
  private static final String REDACTION = "spark.redaction.regex";
  // Spark's own default
  private static final String USUAL = "(?i)secret|password|token|access[.]?key";
  private static final String HIDDEN = "*********(redacted)";
  // shorter values would take ordinary words out of sentences
  private static final int SHORTEST = 6;

  private Secrets() {}

  /** The text without the values of settings that Spark's pages and logs do not show. */
  static String hidden(String text, Configuration conf) {
    SparkEnv env = SparkEnv.get();
    Pattern secret = Pattern.compile(env == null ? USUAL : env.conf().get(REDACTION, USUAL));
    String shown = text;
    for (Map.Entry<String, String> entry : conf) {
      String value = entry.getValue();
      if (value != null && value.length() >= SHORTEST && secret.matcher(entry.getKey()).find()) {
        shown = shown.replace(value, HIDDEN);
      }
    }
    return shown;
  }
}
