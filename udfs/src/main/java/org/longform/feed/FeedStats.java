package org.longform.feed;

import org.longform.kernels.model.SessionStats;

/**
 * What a feed did so far.
 *
 * @param attendedTokens as {@link SessionStats#attendedTokens}, summed over its sessions
 * @param peakKvBytes most bytes of keys and values it held in memory at once
 * @param peakKvDiskBytes most bytes it held on disk at once
 */
public record FeedStats(long attendedTokens, long peakKvBytes, long peakKvDiskBytes) {
  static final FeedStats NONE = new FeedStats(0, 0, 0);

  static FeedStats of(SessionStats stats) {
    return new FeedStats(stats.attendedTokens(), stats.peakKvBytes(), stats.peakKvDiskBytes());
  }

  /** These and those of a session that came after or before. */
  FeedStats and(SessionStats stats) {
    return new FeedStats(
        attendedTokens + stats.attendedTokens(),
        Math.max(peakKvBytes, stats.peakKvBytes()),
        Math.max(peakKvDiskBytes, stats.peakKvDiskBytes()));
  }
}
