package org.longform.kernels.context;

import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.longform.kernels.cache.Rows;

/** A growing choice among rows that are held. Whatever was chosen once stays chosen. */
final class Choice {
  private final long[] rows;
  private final boolean[] chosen;
  private int count;

  Choice(Rows held) {
    rows = held.toArray(0);
    chosen = new boolean[rows.length];
  }

  /** Chooses the first {@code n} rows. */
  void first(int n) {
    for (int i = 0; i < Math.min(n, rows.length); i++) {
      choose(i);
    }
  }

  /**
   * Chooses the {@code n} rows with the best scores among those that are not chosen yet; of equals
   * the newer one.
   *
   * @param score of a row by its place in the list
   */
  void best(int n, IntToDoubleFunction score) {
    IntStream.range(0, rows.length)
        .filter(i -> !chosen[i])
        .boxed()
        .sorted(
            (a, b) -> {
              int byScore = Double.compare(score.applyAsDouble(b), score.applyAsDouble(a));
              return byScore != 0 ? byScore : Integer.compare(b, a);
            })
        .limit(Math.max(0, n))
        .forEach(this::choose);
  }

  /** Chooses the newest rows until {@code total} are chosen. */
  void newest(int total) {
    for (int i = rows.length - 1; i >= 0 && count < total; i--) {
      choose(i);
    }
  }

  private void choose(int i) {
    count += chosen[i] ? 0 : 1;
    chosen[i] = true;
  }

  /** The places of the chosen rows in the list, in order. */
  int[] places() {
    return IntStream.range(0, rows.length).filter(i -> chosen[i]).toArray();
  }

  /** Appends the chosen rows. */
  void appendTo(Rows.Builder builder) {
    for (int i = 0; i < rows.length; i++) {
      if (chosen[i]) {
        builder.range(rows[i], rows[i] + 1);
      }
    }
  }
}
