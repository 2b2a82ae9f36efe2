package org.longform.spark.metrics;

import java.time.Duration;
import java.util.Arrays;
import java.util.function.Supplier;
import org.apache.spark.api.plugin.PluginContext;
import org.longform.runtime.RuntimeStats;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An executor's side of the application's totals: tells the driver what changed, every second while
 * a document is read and before a task is known to have ended.
 */
public final class TotalsReporter implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TotalsReporter.class);
  private static final Duration PERIOD = Duration.ofSeconds(1);

  private final PluginContext context;
  private final Supplier<RuntimeStats> stats;
  // a process may have served another application before
  private final long[] before;
  private final Periodic timer;
  private long[] told;

  public TotalsReporter(PluginContext context, Supplier<RuntimeStats> stats) {
    this.context = context;
    this.stats = stats;
    this.before = values(stats.get());
    this.told = sinceStart();
    this.timer = new Periodic("longform-totals", PERIOD, this::tell);
  }

  /** Tells the driver if anything changed, and returns when it knows. */
  public synchronized void tell() {
    long[] now = sinceStart();
    if (Arrays.equals(now, told)) {
      return;
    }
    try {
      context.ask(new TotalsReport(context.executorID(), now));
      told = now;
    } catch (Exception e) { // whatever fails here must not fail a task
      LOG.debug("Cannot tell the driver the totals, the next report has them, too.", e);
    }
  }

  private long[] sinceStart() {
    long[] now = values(stats.get());
    for (int i = 0; i < now.length; i++) {
      if (Total.values()[i].across() == Total.Across.COUNT) {
        now[i] -= before[i];
      }
    }
    return now;
  }

  private static long[] values(RuntimeStats stats) {
    return Arrays.stream(Total.values()).mapToLong(total -> total.of(stats)).toArray();
  }

  @Override
  public void close() {
    timer.close();
  }
}
