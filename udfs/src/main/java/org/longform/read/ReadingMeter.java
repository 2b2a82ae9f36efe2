package org.longform.read;

import java.util.concurrent.atomic.AtomicLong;
import org.longform.feed.FeedStats;
import org.longform.kernels.model.SessionStats;

/** Tells a reading's listener, and the counters of the process, what the reading does. */
final class ReadingMeter {
  private final ReadListener listener;
  private final ReadCounters counters;
  // until when the time of writing was told
  private final AtomicLong writingSince = new AtomicLong();

  ReadingMeter(ReadListener listener, ReadCounters counters) {
    this.listener = listener;
    this.counters = counters;
  }

  void prefilled(int tokens, long nanos) {
    listener.prefilled(nanos);
    counters.prefilled(nanos);
    listener.tokensRead(tokens);
    counters.tokensRead(tokens);
  }

  /** Tells what a session did since it had attended to so many tokens; how many they are now. */
  long track(SessionStats now, long attendedBefore) {
    return track(now.attendedTokens(), now.peakKvBytes(), now.peakKvDiskBytes(), attendedBefore);
  }

  /** As {@link #track(SessionStats, long)}, of all sessions of a feed. */
  long track(FeedStats now, long attendedBefore) {
    return track(now.attendedTokens(), now.peakKvBytes(), now.peakKvDiskBytes(), attendedBefore);
  }

  private long track(long attended, long peakBytes, long peakDiskBytes, long attendedBefore) {
    long more = attended - attendedBefore;
    listener.tokensAttended(more);
    counters.tokensAttended(more);
    kvHeld(peakBytes, peakDiskBytes);
    return attended;
  }

  void kvHeld(long bytes, long diskBytes) {
    listener.kvHeld(bytes);
    counters.kvHeld(bytes, diskBytes);
  }

  void writingBegins() {
    writingSince.set(System.nanoTime());
  }

  void tokenWritten() {
    listener.tokensGenerated(1);
    counters.tokensGenerated(1);
    decoded();
  }

  /** Tells of the time since answers were begun, or since the last such call. */
  void decoded() {
    long now = System.nanoTime();
    long nanos = now - writingSince.getAndSet(now);
    listener.decoded(nanos);
    counters.decoded(nanos);
  }

  void decodeSteps(long steps) {
    counters.decodeSteps(steps);
  }
}
