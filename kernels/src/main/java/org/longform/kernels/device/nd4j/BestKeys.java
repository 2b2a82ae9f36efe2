package org.longform.kernels.device.nd4j;

/**
 * The k best of the tokens offered so far: a heap with the worst of them on top. Tokens come in
 * increasing order, so that among equal scores the one that is there already stays.
 */
final class BestKeys {
  private final long[] rows;
  private final float[] scores;
  private int size;

  BestKeys(int k) {
    rows = new long[k];
    scores = new float[k];
  }

  /** A score that is not larger cannot enter. */
  float bar() {
    return size < scores.length ? Float.NEGATIVE_INFINITY : scores[0];
  }

  boolean isFull() {
    return size == scores.length;
  }

  void offer(long row, float score) {
    // what is not a number is worse than everything
    float rank = Float.isNaN(score) ? Float.NEGATIVE_INFINITY : score;
    if (size < scores.length) {
      int at = size++;
      while (at > 0 && worse(row, rank, (at - 1) / 2)) {
        move((at - 1) / 2, at);
        at = (at - 1) / 2;
      }
      rows[at] = row;
      scores[at] = rank;
    } else if (rank > scores[0]) {
      sink(row, rank, size);
    }
  }

  /** Writes the tokens, best first; the heap is used up. */
  void drain(long[] targetRows, float[] targetScores, int at) {
    for (int last = size - 1; last >= 0; last--) {
      targetRows[at + last] = rows[0];
      targetScores[at + last] = scores[0];
      sink(rows[last], scores[last], last);
    }
    size = 0;
  }

  private void sink(long row, float score, int end) {
    int at = 0;
    for (int child = 1; child < end; child = 2 * at + 1) {
      if (child + 1 < end && worse(rows[child + 1], scores[child + 1], child)) {
        child++;
      }
      if (worse(row, score, child)) {
        break;
      }
      move(child, at);
      at = child;
    }
    if (end > 0) {
      rows[at] = row;
      scores[at] = score;
    }
  }

  private void move(int from, int to) {
    rows[to] = rows[from];
    scores[to] = scores[from];
  }

  private boolean worse(long row, float score, int other) {
    return score < scores[other] || (score == scores[other] && row > rows[other]);
  }
}
