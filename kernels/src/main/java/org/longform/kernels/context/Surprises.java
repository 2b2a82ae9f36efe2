package org.longform.kernels.context;

import java.util.Arrays;

/** How surprising each held token was, in nats, in the order in which they are held. */
final class Surprises {
  private double[] values = new double[0];
  private int size;

  static Surprises of(double[] values) {
    Surprises all = new Surprises();
    all.values = values.clone();
    all.size = values.length;
    return all;
  }

  int size() {
    return size;
  }

  /** 0 where nothing is known. */
  double at(int place) {
    return place < size ? values[place] : 0;
  }

  /** Those of some places. */
  Surprises at(int[] places) {
    return of(Arrays.stream(places).mapToDouble(this::at).toArray());
  }

  /**
   * Appends what {@link ContextStrategy#scored} tells. Nothing predicts the first token of a
   * document; it counts like the most surprising one of its block.
   */
  void scored(long first, double[] surprises) {
    if (size == 0 && first == 1) {
      append(Arrays.stream(surprises).max().orElse(0));
    }
    for (double surprise : surprises) {
      append(surprise);
    }
  }

  private void append(double value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, Math.max(64, 2 * size));
    }
    values[size++] = value;
  }

  /** Multiplies all by a factor. */
  void fade(double factor) {
    for (int i = 0; i < size; i++) {
      values[i] *= factor;
    }
  }

  Surprises copy() {
    Surprises copy = new Surprises();
    copy.values = values.clone();
    copy.size = size;
    return copy;
  }
}
