package org.longform.kernels.device;

/** The error function, which Java lacks. */
final class ErrorFunction {
  private static final double SERIES_END = 3;
  private static final int FRACTIONS = 60;

  private ErrorFunction() {}

  /**
   * {@code erfc(x) = 1 - erf(x)}, to about 1e-13: near zero by the series of erf (Abramowitz and
   * Stegun 7.1.6), further out by the continued fraction of erfc (7.1.14).
   */
  static double complement(double x) {
    double size = Math.abs(x);
    double tail = size < SERIES_END ? 1 - series(size) : fraction(size);
    return x < 0 ? 2 - tail : tail;
  }

  private static double series(double x) {
    double term = x;
    double sum = x;
    for (int n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }

  private static double fraction(double x) {
    double rest = x;
    for (int n = FRACTIONS; n > 0; n--) {
      rest = x + n / 2.0 / rest;
    }
    return Math.exp(-x * x) / Math.sqrt(Math.PI) / rest;
  }
}
