package org.longform.spark.metrics;

import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A line in the driver's log now and then, while documents are read anywhere. */
public final class ProgressLog implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ProgressLog.class);

  private final ApplicationTotals totals;
  private Optional<Periodic> timer = Optional.empty();
  private State last;
  private long lastNanos;

  private record State(long documents, long failed, long read, long written) {}

  ProgressLog(ApplicationTotals totals, long nanos) {
    this.totals = totals;
    this.last = state();
    this.lastNanos = nanos;
  }

  /**
   * @param interval zero for no lines
   */
  public static ProgressLog start(ApplicationTotals totals, Duration interval) {
    ProgressLog log = new ProgressLog(totals, System.nanoTime());
    if (!interval.isZero()) {
      log.timer = Optional.of(new Periodic("longform-progress", interval, log::tell));
    }
    return log;
  }

  private void tell() {
    line(System.nanoTime()).ifPresent(LOG::info);
  }

  /** What there is to tell since the last time; empty where nothing is read. */
  Optional<String> line(long nanos) {
    State now = state();
    State before = last;
    double seconds = (nanos - lastNanos) / 1e9;
    last = now;
    lastNanos = nanos;
    if (now.equals(before) && totals.of(Total.KV_BYTES) == 0) {
      return Optional.empty();
    }
    return Optional.of(
        String.format(
            Locale.ROOT,
            "%,d documents read, %,d answers failed, %,d tokens read (%,.0f tokens/s), %,d tokens written",
            now.documents,
            now.failed,
            now.read,
            (now.read - before.read) / seconds,
            now.written));
  }

  private State state() {
    return new State(
        totals.of(Total.DOCUMENTS),
        totals.of(Total.FAILED_ROWS),
        totals.of(Total.TOKENS_READ),
        totals.of(Total.TOKENS_GENERATED));
  }

  @Override
  public void close() {
    timer.ifPresent(Periodic::close);
  }
}
