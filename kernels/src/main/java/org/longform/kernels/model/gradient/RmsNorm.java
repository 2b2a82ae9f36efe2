package org.longform.kernels.model.gradient;

/** {@code y_i = g_i x_i / sqrt(mean(x^2) + epsilon)} and its derivatives; x and y (T, M), g (M). */
final class RmsNorm {
  private final Parameter gain;
  private final double epsilon;

  RmsNorm(Parameter gain, double epsilon) {
    this.gain = gain;
    this.epsilon = epsilon;
  }

  double[] forward(double[] x) {
    int width = gain.rows();
    double[] y = new double[x.length];
    for (int at = 0; at < x.length; at += width) {
      double inverse = inverseRoot(x, at);
      for (int i = 0; i < width; i++) {
        y[at + i] = gain.values()[i] * x[at + i] * inverse;
      }
    }
    return y;
  }

  /** Adds the derivative by g to it and the one by x to {@code dx}. */
  void backward(double[] dy, double[] x, double[] dx) {
    int width = gain.rows();
    double[] g = gain.values();
    for (int at = 0; at < x.length; at += width) {
      double inverse = inverseRoot(x, at);
      double along = 0;
      for (int i = 0; i < width; i++) {
        along += dy[at + i] * g[i] * x[at + i];
        gain.ofSample()[i] += dy[at + i] * x[at + i] * inverse;
      }
      // the root depends on every x_i
      double shared = along * inverse * inverse * inverse / width;
      for (int i = 0; i < width; i++) {
        dx[at + i] += dy[at + i] * g[i] * inverse - shared * x[at + i];
      }
    }
  }

  private double inverseRoot(double[] x, int at) {
    double sum = 0;
    for (int i = 0; i < gain.rows(); i++) {
      sum += x[at + i] * x[at + i];
    }
    return 1 / Math.sqrt(sum / gain.rows() + epsilon);
  }
}
