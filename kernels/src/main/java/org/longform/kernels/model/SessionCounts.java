package org.longform.kernels.model;

import org.longform.kernels.cache.KvCache;

/** What a session has done so far, as {@link SessionStats} tells it. */
final class SessionCounts {
  private long prefilled;
  private long decoded;
  private long decodeSteps;
  private long attended;
  private long peakBytes;
  private long peakDiskBytes;

  /** Counts tokens of the prompt. */
  void prefilled(long tokens) {
    prefilled += tokens;
  }

  /** Counts generated tokens that were read in one step. */
  void decoded(long tokens) {
    decoded += tokens;
    decodeSteps++;
  }

  void attended(long tokens) {
    attended += tokens;
  }

  void notePeaks(KvCache cache) {
    long disk = cache.diskBytes();
    peakBytes = Math.max(peakBytes, cache.bytes() - disk - cache.pinnedBytes());
    peakDiskBytes = Math.max(peakDiskBytes, disk);
  }

  SessionStats stats(KvCache cache) {
    long disk = cache.diskBytes();
    long pinned = cache.pinnedBytes();
    return new SessionStats(
        prefilled,
        decoded,
        decodeSteps,
        attended,
        cache.bytes() - disk - pinned,
        peakBytes,
        disk,
        peakDiskBytes,
        pinned);
  }

  /** Those of a session that has generated nothing. */
  SessionState.Counts saved() {
    return new SessionState.Counts(prefilled, attended, peakBytes, peakDiskBytes);
  }

  void restore(SessionState.Counts saved) {
    prefilled = saved.prefilled();
    attended = saved.attended();
    peakBytes = saved.peakBytes();
    peakDiskBytes = saved.peakDiskBytes();
  }
}
