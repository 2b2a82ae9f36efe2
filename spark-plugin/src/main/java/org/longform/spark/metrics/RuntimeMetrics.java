package org.longform.spark.metrics;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import java.util.function.Supplier;
import org.longform.runtime.RuntimeStats;

/**
 * The running totals of one executor process as Spark metrics. Spark shows them through any sink of
 * {@code spark.metrics.conf}, named {@code plugin.org.longform.spark.LongformPlugin.documents} and
 * so on.
 */
public final class RuntimeMetrics {
  private RuntimeMetrics() {}

  /** Registers one gauge for each total; a gauge asks for the totals when it is read. */
  public static void register(MetricRegistry registry, Supplier<RuntimeStats> stats) {
    for (Total total : Total.values()) {
      Gauge<Long> gauge = () -> total.of(stats.get());
      registry.register(total.id(), gauge);
    }
  }
}
