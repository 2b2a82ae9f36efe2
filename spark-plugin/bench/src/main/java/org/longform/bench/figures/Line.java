package org.longform.bench.figures;

/**
 * Seconds a token costs as a straight line of the tokens before it: what full attention costs.
 *
 * @param atZero seconds of a token with nothing before it
 * @param perToken seconds more for each token before it
 */
record Line(double atZero, double perToken) {
  /** The line of least squares. */
  static Line fit(double[] depths, double[] seconds) {
    double n = depths.length;
    double meanDepth = 0;
    double meanSeconds = 0;
    for (int i = 0; i < n; i++) {
      meanDepth += depths[i] / n;
      meanSeconds += seconds[i] / n;
    }
    double both = 0;
    double square = 0;
    for (int i = 0; i < n; i++) {
      both += (depths[i] - meanDepth) * (seconds[i] - meanSeconds);
      square += (depths[i] - meanDepth) * (depths[i] - meanDepth);
    }
    double slope = square == 0 ? 0 : both / square;
    return new Line(meanSeconds - slope * meanDepth, slope);
  }

  double at(double depth) {
    return atZero + perToken * depth;
  }

  /** Seconds of all tokens from one depth to another: the area below. */
  double between(double from, double to) {
    return (to - from) * at((from + to) / 2);
  }
}
