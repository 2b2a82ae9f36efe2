package org.longform.kernels.device;

import java.util.Arrays;

/**
 * A voted token and its votes in one number, lower for more votes, of equals for the earlier token,
 * so that ranking is sorting of primitive values.
 */
final class VoteRank {
  // 2^40 tokens, 2^23 votes
  private static final int ROW_BITS = 40;
  private static final long ROW = (1L << ROW_BITS) - 1;
  private static final int MOST_VOTES = (1 << (Long.SIZE - 1 - ROW_BITS)) - 1;

  private VoteRank() {}

  static long of(long row, int votes) {
    if (row > ROW || votes > MOST_VOTES) {
      throw new IllegalArgumentException(
          "Cannot rank token %d with %d votes: at most %d and %d are foreseen."
              .formatted(row, votes, ROW, MOST_VOTES));
    }
    return (long) (MOST_VOTES - votes) << ROW_BITS | row;
  }

  /** The tokens of ranks, in their order. */
  static long[] rows(long[] ranks) {
    for (int i = 0; i < ranks.length; i++) {
      ranks[i] &= ROW;
    }
    return ranks;
  }

  /** The lowest {@code limit} ranks in order; the array is used up. */
  static long[] lowest(long[] ranks, long limit) {
    if (limit < ranks.length) {
      // the first ones as a heap with the highest on top; few of the others are lower
      int size = (int) limit;
      for (int at = size / 2 - 1; at >= 0; at--) {
        sink(ranks, at, size, ranks[at]);
      }
      for (int i = size; i < ranks.length && size > 0; i++) {
        if (ranks[i] < ranks[0]) {
          sink(ranks, 0, size, ranks[i]);
        }
      }
      ranks = Arrays.copyOf(ranks, size);
    }
    Arrays.sort(ranks);
    return ranks;
  }

  private static void sink(long[] heap, int from, int size, long rank) {
    int at = from;
    for (int child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && heap[child + 1] > heap[child]) {
        child++;
      }
      if (heap[child] <= rank) {
        break;
      }
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = rank;
  }
}
