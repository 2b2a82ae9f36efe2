package org.longform.kernels.model.gradient;

import java.util.stream.IntStream;

/**
 * {@code y = x W^T + b} and its derivatives. T tokens, N inputs, O outputs; x (T, N), W (O, N), b
 * (O), y (T, O).
 */
final class Products {
  // fewer multiplications are not worth a thread
  private static final long WORTH_THREADS = 1 << 16;

  private Products() {}

  /**
   * @param bias or null
   */
  static double[] forward(double[] x, int tokens, Parameter weight, Parameter bias) {
    int in = weight.columns();
    int out = weight.rows();
    double[] w = weight.values();
    double[] y = new double[tokens * out];
    range(out, (long) tokens * in * out)
        .forEach(
            o -> {
              for (int t = 0; t < tokens; t++) {
                double sum = bias == null ? 0 : bias.values()[o];
                for (int i = 0; i < in; i++) {
                  sum += x[t * in + i] * w[o * in + i];
                }
                y[t * out + o] = sum;
              }
            });
    return y;
  }

  /**
   * Adds the derivatives by the weights to them and the one by x to {@code dx}.
   *
   * @param dy (T, O), derivative by y
   * @param dx (T, N)
   */
  static void backward(double[] dy, double[] x, Parameter weight, Parameter bias, double[] dx) {
    int in = weight.columns();
    int out = weight.rows();
    int tokens = dy.length / out;
    double[] w = weight.values();
    range(tokens, (long) tokens * in * out)
        .forEach(
            t -> {
              for (int o = 0; o < out; o++) {
                double d = dy[t * out + o];
                for (int i = 0; i < in; i++) {
                  dx[t * in + i] += d * w[o * in + i];
                }
              }
            });
    if (weight.isConstant()) {
      return;
    }
    double[] dw = weight.ofSample();
    range(out, (long) tokens * in * out)
        .forEach(
            o -> {
              for (int t = 0; t < tokens; t++) {
                double d = dy[t * out + o];
                for (int i = 0; i < in; i++) {
                  dw[o * in + i] += d * x[t * in + i];
                }
                if (bias != null) {
                  bias.ofSample()[o] += d;
                }
              }
            });
  }

  private static IntStream range(int count, long multiplications) {
    IntStream range = IntStream.range(0, count);
    return multiplications < WORTH_THREADS ? range : range.parallel();
  }
}
