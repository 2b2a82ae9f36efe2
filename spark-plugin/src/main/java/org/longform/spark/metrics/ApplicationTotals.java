package org.longform.spark.metrics;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.LongStream;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The driver's side: what all executors of the application did, lost ones included. */
public final class ApplicationTotals extends SparkListener {
  private static volatile ApplicationTotals current;

  private final Map<String, long[]> byExecutor = new ConcurrentHashMap<>();

  /** Those of the application that runs in this process. */
  static ApplicationTotals current() {
    ApplicationTotals totals = current;
    if (totals == null) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot tell the totals of the application: its executors report them to a plugin that is not there. Set spark.plugins=org.longform.spark.LongformPlugin and start it again.");
    }
    return totals;
  }

  /** The application begins (with totals) or has ended (with null). */
  public static void use(ApplicationTotals totals) {
    current = totals;
  }

  public void add(TotalsReport report) {
    byExecutor.put(report.executorId(), report.values());
  }

  @Override
  public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
    byExecutor.computeIfPresent(removed.executorId(), (id, values) -> withoutNow(values));
  }

  private static long[] withoutNow(long[] values) {
    long[] left = values.clone();
    for (int i = 0; i < left.length; i++) {
      if (Total.values()[i].across() == Total.Across.NOW) {
        left[i] = 0;
      }
    }
    return left;
  }

  /** The number of that total over all executors. */
  long of(Total total) {
    LongStream values = byExecutor.values().stream().mapToLong(each -> each[total.ordinal()]);
    return total.across() == Total.Across.PEAK ? values.max().orElse(0) : values.sum();
  }
}
