package org.longform.spark.job;

import java.util.List;

/**
 * How long a device takes for a token, by how many came before it: a straight line through what was
 * measured.
 *
 * @param seconds for a token at the beginning
 * @param secondsPerDepth more for each token before it
 */
record Speed(double seconds, double secondsPerDepth) {
  /**
   * @param depth tokens before it
   */
  record Point(double depth, double seconds) {}

  /** The line with the least squares; it never falls, and no token takes less than no time. */
  static Speed through(List<Point> points) {
    double n = points.size();
    double depth = points.stream().mapToDouble(Point::depth).sum() / n;
    double seconds = points.stream().mapToDouble(Point::seconds).sum() / n;
    double covariance = 0;
    double variance = 0;
    for (Point point : points) {
      covariance += (point.depth() - depth) * (point.seconds() - seconds);
      variance += (point.depth() - depth) * (point.depth() - depth);
    }
    double slope = variance == 0 ? 0 : Math.max(0, covariance / variance);
    // a line that begins below zero would make short documents free
    slope = depth == 0 ? 0 : Math.min(slope, seconds / depth);
    return new Speed(seconds - slope * depth, slope);
  }

  /** Seconds for tokens one after the other, the first at this depth. */
  double of(long first, long tokens) {
    return tokens * (seconds + secondsPerDepth * (first + tokens / 2.0));
  }
}
