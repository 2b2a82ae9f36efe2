package org.longform.kernels.context;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.longform.kernels.device.TopKeys;

/**
 * The tokens that each voter, a query of one head, wants to see: entries {@code voter * k} on, the
 * best first.
 */
record Votes(long[] rows, int k) {

  static Votes of(TopKeys best) {
    return new Votes(best.rows(), best.k());
  }

  /** The same with {@code wanted} entries for each voter, the missing ones filled with a token. */
  Votes filledUpTo(int wanted, long row) {
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

  /** Each token once, the one with the most votes first; of equals the earlier token. */
  long[] byCount() {
    long[] sorted = rows.clone();
    Arrays.sort(sorted);
    List<Counted> counted = new ArrayList<>();
    for (int from = 0, to = 0; from < sorted.length; from = to) {
      while (to < sorted.length && sorted[to] == sorted[from]) {
        to++;
      }
      counted.add(new Counted(sorted[from], to - from));
    }
    counted.sort(
        Comparator.comparingInt(Counted::count).reversed().thenComparingLong(Counted::row));
    return counted.stream().mapToLong(Counted::row).toArray();
  }

  private record Counted(long row, int count) {}

  /** Each token once: the best of every voter, then the second of every voter, and so on. */
  long[] byRank() {
    Set<Long> ordered = new LinkedHashSet<>();
    for (int rank = 0; rank < k; rank++) {
      for (int at = rank; at < rows.length; at += k) {
        ordered.add(rows[at]);
      }
    }
    return ordered.stream().mapToLong(Long::longValue).toArray();
  }
}
