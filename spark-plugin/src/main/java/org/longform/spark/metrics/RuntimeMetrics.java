package org.longform.spark.metrics;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.longform.runtime.RuntimeStats;

/**
 * The running totals of one executor process as Spark metrics. Spark shows them through any sink of
 * {@code spark.metrics.conf}, named {@code plugin.org.longform.spark.LongformPlugin.documents} and
 * so on.
 */
public final class RuntimeMetrics {
  private record Metric(String name, ToLongFunction<RuntimeStats> value) {}

  private static final List<Metric> ALL =
      List.of(
          new Metric("modelLoads", RuntimeStats::modelLoads),
          new Metric("documents", RuntimeStats::documents),
          new Metric("failedRows", RuntimeStats::failedRows),
          new Metric("tokensRead", RuntimeStats::tokensRead),
          new Metric("tokensGenerated", RuntimeStats::tokensGenerated),
          new Metric("tokensAttended", RuntimeStats::tokensAttended),
          new Metric("kvBytes", RuntimeStats::kvBytes),
          new Metric("peakKvBytes", RuntimeStats::peakKvBytes),
          new Metric("kvDiskBytes", RuntimeStats::kvDiskBytes),
          new Metric("peakKvDiskBytes", RuntimeStats::peakKvDiskBytes),
          new Metric("nativeBytes", RuntimeStats::nativeBytes));

  private RuntimeMetrics() {}

  /** Registers one gauge for each total; a gauge asks for the totals when it is read. */
  public static void register(MetricRegistry registry, Supplier<RuntimeStats> stats) {
    for (Metric metric : ALL) {
      Gauge<Long> gauge = () -> metric.value().applyAsLong(stats.get());
      registry.register(metric.name(), gauge);
    }
  }
}
