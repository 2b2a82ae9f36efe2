package org.longform.spark.job;

import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.longform.kernels.error.LongformException;

/** Why a Spark job failed. */
final class Failures {
  // Spark tells of an executor's end a little later than of the tasks that failed with it
  private static final long NEWS_MILLIS = 3000;
  private static final long POLL_MILLIS = 50;

  private Failures() {}

  /**
   * Whether a job failed because executors ended, so that it can be tried again: not where it was
   * cancelled, nor where a task said what is wrong.
   *
   * @param executorEnded whether one ended since the job began, as far as is known now
   */
  static boolean areOfExecutors(Throwable failure, BooleanSupplier executorEnded)
      throws InterruptedException {
    if (told(failure) != null || String.valueOf(failure).contains("SPARK_JOB_CANCELLED")) {
      return false;
    }
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(NEWS_MILLIS);
    while (!executorEnded.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        return false;
      }
      Thread.sleep(POLL_MILLIS);
    }
    return true;
  }

  /** The sentence in what Spark wrapped around it; null if there is none. */
  static LongformException told(Throwable failure) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (each instanceof LongformException known) {
        return known;
      }
    }
    return null;
  }
}
