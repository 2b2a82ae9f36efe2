package org.longform.spark.job;

import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.longform.spark.LongformPlugin;

/** The Spark session of a command: the one that runs already, or one of its own. */
final class JobSession implements AutoCloseable {
  private final SparkSession spark;
  private final boolean own;

  private JobSession(SparkSession spark, boolean own) {
    this.spark = spark;
    this.own = own;
  }

  /**
   * @param master counts only where nothing else named one, as spark-submit does
   */
  static JobSession open(String master) {
    if (SparkSession.getDefaultSession().isDefined()) {
      return new JobSession(SparkSession.getDefaultSession().get(), false);
    }
    SparkSession spark = SparkSession.builder().config(conf(master)).getOrCreate();
    return new JobSession(spark, true);
  }

  static SparkConf conf(String master) {
    SparkConf conf = new SparkConf();
    conf.setIfMissing("spark.app.name", "longform");
    conf.setIfMissing("spark.master", master);
    append(conf, "spark.plugins", LongformPlugin.class.getName());
    append(conf, "spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension");
    conf.setIfMissing(
        "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog");
    // the progress line lives on heartbeats
    conf.setIfMissing("spark.executor.heartbeatInterval", "2s");
    // a second copy of a slow task would read long documents twice
    conf.set("spark.speculation", "false");
    if (conf.get("spark.master").startsWith("local")) {
      // Spark makes this directory even if no table is ever put there
      conf.setIfMissing(
          "spark.sql.warehouse.dir",
          Path.of(System.getProperty("java.io.tmpdir"), "longform-warehouse").toUri().toString());
      conf.setIfMissing("spark.ui.enabled", "false");
      conf.setIfMissing("spark.driver.host", "127.0.0.1");
      conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
      conf.setIfMissing("spark.sql.shuffle.partitions", "8");
      conf.setIfMissing("spark.databricks.delta.snapshotPartitions", "4");
    }
    return conf;
  }

  private static void append(SparkConf conf, String key, String value) {
    Set<String> values = new LinkedHashSet<>(List.of(conf.get(key, "").split(",")));
    values.remove("");
    values.add(value);
    conf.set(key, String.join(",", values));
  }

  SparkSession spark() {
    return spark;
  }

  @Override
  public void close() {
    if (own) {
      spark.stop();
    }
  }
}
