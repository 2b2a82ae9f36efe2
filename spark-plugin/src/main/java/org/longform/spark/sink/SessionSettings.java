package org.longform.spark.sink;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.sql.RuntimeConfig;
import org.apache.spark.sql.SparkSession;
import scala.Option;

/** Settings of a session that hold while this is open; closing puts back what was there before. */
final class SessionSettings implements AutoCloseable {
  private final RuntimeConfig conf;
  private final Map<String, Option<String>> before = new LinkedHashMap<>();

  SessionSettings(SparkSession spark) {
    this.conf = spark.conf();
  }

  SessionSettings set(String key, String value) {
    remember(key);
    conf.set(key, value);
    return this;
  }

  SessionSettings unset(String key) {
    remember(key);
    conf.unset(key);
    return this;
  }

  private void remember(String key) {
    before.putIfAbsent(key, conf.getOption(key));
  }

  @Override
  public void close() {
    before.forEach(
        (key, value) -> {
          if (value.isDefined()) {
            conf.set(key, value.get());
          } else {
            conf.unset(key);
          }
        });
  }
}
