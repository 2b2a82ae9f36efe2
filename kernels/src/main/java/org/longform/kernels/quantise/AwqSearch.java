package org.longform.kernels.quantise;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.Tensor;

/** The two searches of AWQ. S tokens looked at, O and I widths of a matrix. */
final class AwqSearch {
  private static final double LEAST_SCALE = 1e-4;

  private final GroupedGrid rounding;
  private final int grid;
  private final Kernels kernels;

  /**
   * @param grid numbers of exponents tried, and steps from a range to nothing
   */
  AwqSearch(GroupedGrid rounding, int grid, Kernels kernels) {
    this.rounding = rounding;
    this.grid = grid;
    this.kernels = kernels;
  }

  /**
   * Scales {@code mean^a} of the channels, brought around 1, for the a in [0, 1) with the least
   * {@code ||(Q(W s)/s - W) x||²}, summed over the matrices and tokens.
   *
   * @param matrices (O, I) each, of the same input
   * @param x (S, I)
   * @param means of the magnitude of each channel
   */
  float[] scales(List<Tensor> matrices, Tensor x, double[] means) {
    float[] best = new float[means.length];
    Arrays.fill(best, 1);
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < grid; i++) {
      float[] scales = scales(means, (double) i / grid);
      double error = 0;
      for (Tensor matrix : matrices) {
        error += error(matrix, x, scales);
      }
      if (error < least) {
        least = error;
        best = scales;
      }
    }
    return best;
  }

  static float[] scales(double[] means, double exponent) {
    double[] raw =
        Arrays.stream(means).map(mean -> Math.max(LEAST_SCALE, Math.pow(mean, exponent))).toArray();
    double most = Arrays.stream(raw).max().orElse(1);
    double least = Arrays.stream(raw).min().orElse(1);
    double middle = Math.sqrt(most * least);
    float[] scales = new float[raw.length];
    for (int i = 0; i < raw.length; i++) {
      scales[i] = (float) (raw[i] / middle);
    }
    return scales;
  }

  private double error(Tensor matrix, Tensor x, float[] scales) {
    int width = scales.length;
    try (Tensor difference = Tensor.allocate(matrix.rows(), width)) {
      LayerEdit.forRows(
          difference,
          (r, row) -> {
            float[] weights = new float[width];
            matrix.read((long) r * width, weights);
            for (int i = 0; i < width; i++) {
              row[i] = weights[i] * scales[i];
            }
            rounding.round(row);
            for (int i = 0; i < width; i++) {
              row[i] = row[i] / scales[i] - weights[i];
            }
          });
      return Arrays.stream(squares(difference, x)).sum();
    }
  }

  /** For each row of a difference (O, I) the sum over the tokens of its squared product with x. */
  private double[] squares(Tensor difference, Tensor x) {
    int outer = GroupedGrid.rows(difference);
    double[] squares = new double[outer];
    try (Weight weight = kernels.weight(difference);
        Tensor out = Tensor.allocate(x.rows(), outer)) {
      kernels.matmul(x, weight, out);
      float[] row = new float[outer];
      for (long t = 0; t < out.rows(); t++) {
        out.read(t * outer, row);
        for (int o = 0; o < outer; o++) {
          squares[o] += (double) row[o] * row[o];
        }
      }
    }
    return squares;
  }

  /**
   * Clips each group of each row of the matrix to the range, of {@code steps} tried, that gives the
   * least squared error of the group's part of the output.
   *
   * @param matrix (O, I), changed
   * @param x (S, I)
   */
  void clip(Tensor matrix, Tensor x, int steps) {
    int width = Math.toIntExact(matrix.shape().rowElements());
    int group = rounding.sizeIn(width);
    for (int from = 0; from < width && steps > 0; from += group) {
      clip(matrix, x, steps, from, Math.min(width, from + group));
    }
  }

  private void clip(Tensor matrix, Tensor x, int steps, int from, int to) {
    int outer = GroupedGrid.rows(matrix);
    float[][] weights = new float[outer][];
    float[] limits = new float[outer];
    double[] least = new double[outer];
    for (int o = 0; o < outer; o++) {
      weights[o] = columns(matrix, o, from, to);
      limits[o] = magnitude(weights[o]);
      least[o] = Double.POSITIVE_INFINITY;
    }
    float[] best = limits.clone();
    try (Tensor part = Tensor.allocate(x.rows(), to - from);
        Tensor difference = Tensor.allocate(outer, to - from)) {
      for (int s = 0; s < x.rows(); s++) {
        part.write((long) s * (to - from), columns(x, s, from, to));
      }
      for (int step = 0; step < steps; step++) {
        double shrunk = 1 - (double) step / grid;
        LayerEdit.forRows(
            difference,
            (o, row) -> {
              clamp(weights[o], (float) (limits[o] * shrunk), row);
              Step levels = rounding.grid().fit(row, 0, row.length);
              for (int i = 0; i < row.length; i++) {
                row[i] = levels.rounded(row[i]) - weights[o][i];
              }
            });
        double[] errors = squares(difference, part);
        for (int o = 0; o < outer; o++) {
          if (errors[o] < least[o]) {
            least[o] = errors[o];
            best[o] = (float) (limits[o] * shrunk);
          }
        }
      }
    }
    IntStream.range(0, outer)
        .parallel()
        .forEach(
            o -> {
              float[] clipped = new float[to - from];
              clamp(weights[o], best[o], clipped);
              matrix.write(o * matrix.shape().rowElements() + from, clipped);
            });
  }

  private static float[] columns(Tensor matrix, int row, int from, int to) {
    float[] some = new float[to - from];
    matrix.read(row * matrix.shape().rowElements() + from, some);
    return some;
  }

  private static float magnitude(float[] values) {
    float largest = 0;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
    }
    return largest;
  }

  private static void clamp(float[] values, float limit, float[] target) {
    for (int i = 0; i < values.length; i++) {
      target[i] = Math.min(limit, Math.max(-limit, values[i]));
    }
  }
}
