package org.longform.spark.metrics;

import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Does something again and again, on a thread that does not keep the process alive. */
final class Periodic implements AutoCloseable {
  private final ScheduledExecutorService timer;

  /**
   * @param period from the end of one time to the beginning of the next
   */
  Periodic(String threadName, Duration period, Runnable action) {
    timer =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, threadName);
              thread.setDaemon(true);
              return thread;
            });
    timer.scheduleWithFixedDelay(
        action, period.toMillis(), period.toMillis(), TimeUnit.MILLISECONDS);
  }

  @Override
  public void close() {
    timer.shutdownNow();
  }
}
