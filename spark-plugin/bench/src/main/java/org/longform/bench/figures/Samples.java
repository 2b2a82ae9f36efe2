package org.longform.bench.figures;

import java.util.Arrays;

/** Numbers of repeated measurements. */
final class Samples {
  private Samples() {}

  static double median(double... samples) {
    double[] sorted = samples.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  static double max(double... samples) {
    return Arrays.stream(samples).max().orElse(Double.NaN);
  }
}
