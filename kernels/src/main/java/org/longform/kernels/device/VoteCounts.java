package org.longform.kernels.device;

import java.util.Arrays;

/** How often each token was voted for: a hash table of primitive values, with linear probing. */
final class VoteCounts {
  private static final long FREE = -1;

  private final long[] rows;
  private final int[] counts;
  private int size;

  /**
   * @param votes most tokens that can come
   */
  VoteCounts(int votes) {
    int capacity = Integer.highestOneBit(Math.max(8, Math.multiplyExact(votes, 2))) * 2;
    rows = new long[capacity];
    counts = new int[capacity];
    Arrays.fill(rows, FREE);
  }

  /** Counts one vote and answers how many the token has now. */
  int add(long row) {
    int mask = rows.length - 1;
    // Fibonacci hashing: neighbours, which are voted for together, land far apart
    int at = (int) ((row * 0x9e3779b97f4a7c15L) >>> 32) & mask;
    while (rows[at] != row && rows[at] != FREE) {
      at = (at + 1) & mask;
    }
    if (rows[at] == FREE) {
      rows[at] = row;
      size++;
    }
    return ++counts[at];
  }

  /** The {@code limit} tokens with the most votes, the best first; of equals the earlier token. */
  long[] best(long limit) {
    long[] ranks = new long[size];
    int filled = 0;
    for (int i = 0; i < rows.length; i++) {
      if (rows[i] != FREE) {
        ranks[filled++] = VoteRank.of(rows[i], counts[i]);
      }
    }
    return VoteRank.rows(VoteRank.lowest(ranks, limit));
  }
}
