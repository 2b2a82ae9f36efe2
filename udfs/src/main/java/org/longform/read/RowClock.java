package org.longform.read;

import java.time.Duration;

/**
 * How long a row has been read for, from one of its readings to the next. Used by one thread.
 * Waiting for the model is not reading.
 */
public final class RowClock {
  private long startedNanos = System.nanoTime();

  void exclude(long nanos) {
    startedNanos += nanos;
  }

  boolean exceeds(Duration limit) {
    return Duration.ofNanos(System.nanoTime() - startedNanos).compareTo(limit) > 0;
  }
}
