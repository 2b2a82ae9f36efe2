package org.longform.kernels.device;

import java.util.Arrays;

/**
 * The tokens that each voter, a query of one head, wants to see: entries {@code voter * k} on, the
 * best first.
 */
public record Votes(long[] rows, int k) {

  public static Votes of(TopKeys best) {
    return new Votes(best.rows(), best.k());
  }

  /** The same with {@code wanted} entries for each voter, the missing ones filled with a token. */
  public Votes filledUpTo(int wanted, long row) {
    if (k >= wanted) {
      return this;
    }
    long[] filled = new long[rows.length / k * wanted];
    Arrays.fill(filled, row);
    for (int voter = 0; voter < rows.length / k; voter++) {
      System.arraycopy(rows, voter * k, filled, voter * wanted, k);
    }
    return new Votes(filled, wanted);
  }

  /** Each token once, the first {@code limit} of an order. */
  public long[] first(long limit, VotesRequest.Order order) {
    return switch (order) {
      case VOTES -> byCount(limit);
      case RANK -> byRank(limit);
    };
  }

  /**
   * Each token once, the one with the most votes first; of equals the earlier token; the first
   * {@code limit} of them.
   */
  long[] byCount(long limit) {
    VoteCounts counts = new VoteCounts(rows.length);
    for (long row : rows) {
      counts.add(row);
    }
    return counts.best(limit);
  }

  /**
   * Each token once: the best of every voter, then the second of every voter, and so on; the first
   * {@code limit} of them.
   */
  long[] byRank(long limit) {
    VoteCounts seen = new VoteCounts(rows.length);
    long[] ordered = new long[(int) Math.min(limit, rows.length)];
    int size = 0;
    for (int rank = 0; rank < k && size < ordered.length; rank++) {
      for (int at = rank; at < rows.length && size < ordered.length; at += k) {
        if (seen.add(rows[at]) == 1) {
          ordered[size++] = rows[at];
        }
      }
    }
    return Arrays.copyOf(ordered, size);
  }
}
