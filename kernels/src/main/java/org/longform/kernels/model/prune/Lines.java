package org.longform.kernels.model.prune;

import java.util.Arrays;
import org.longform.kernels.model.gradient.Parameter;

/** The importances of the rows or columns of a matrix. */
record Lines(Importance importance) {
  double[] rows(Parameter matrix) {
    double[] sums = new double[matrix.rows()];
    for (int i = 0; i < matrix.values().length; i++) {
      sums[i / matrix.columns()] += term(matrix, i);
    }
    return magnitudes(sums);
  }

  double[] columns(Parameter matrix) {
    double[] sums = new double[matrix.columns()];
    for (int i = 0; i < matrix.values().length; i++) {
      sums[i % matrix.columns()] += term(matrix, i);
    }
    return magnitudes(sums);
  }

  private double term(Parameter matrix, int i) {
    return importance.term(matrix.values()[i], matrix.gradient()[i], matrix.squares()[i]);
  }

  private static double[] magnitudes(double[] sums) {
    return Arrays.stream(sums).map(Math::abs).toArray();
  }
}
