package org.longform.kernels.context;

import java.util.Arrays;

/** How much attention each token of a stretch of a document got from each query head. */
final class HeadMasses {
  private long first;
  private int heads;
  // (rows, heads), as many rows as were heard of
  private float[] masses = new float[0];

  /**
   * Adds to what a token got.
   *
   * @param heads number of query heads, always the same
   */
  void add(long row, int head, int heads, float mass) {
    if (masses.length == 0) {
      this.heads = heads;
      first = row;
    }
    reach(row);
    masses[Math.toIntExact((row - first) * heads + head)] += mass;
  }

  private void reach(long row) {
    int rows = heads == 0 ? 0 : masses.length / heads;
    if (row < first) {
      int more = Math.toIntExact(first - row);
      float[] longer = new float[masses.length + more * heads];
      System.arraycopy(masses, 0, longer, more * heads, masses.length);
      masses = longer;
      first = row;
    } else if (row >= first + rows) {
      long wanted = Math.max(row - first + 1, rows + rows / 2L);
      masses = Arrays.copyOf(masses, Math.toIntExact(wanted * heads));
    }
  }

  /** Takes over what another one counted. */
  void addAll(HeadMasses other) {
    for (int i = 0; i < other.masses.length; i++) {
      if (other.masses[i] != 0) {
        add(other.first + i / other.heads, i % other.heads, other.heads, other.masses[i]);
      }
    }
  }

  /** 0 for a token that was not heard of. */
  float of(long row, int head) {
    long at = (row - first) * heads + head;
    return row < first || at >= masses.length ? 0 : masses[(int) at];
  }

  /** Forgets the tokens before one. */
  void dropBefore(long row) {
    if (row > first) {
      long at = Math.min(masses.length, (row - first) * heads);
      masses = Arrays.copyOfRange(masses, (int) at, masses.length);
      first = row;
    }
  }

  void clear() {
    masses = new float[0];
  }

  HeadMasses copy() {
    HeadMasses copy = new HeadMasses();
    copy.first = first;
    copy.heads = heads;
    copy.masses = masses.clone();
    return copy;
  }
}
