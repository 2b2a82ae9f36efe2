package org.longform.spark.job;

import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;

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

  /**
   * The line whose slope is the median of the slopes between any two points (Theil and Sen), so
   * that a few points from when the machine did something else do not tilt it; it never falls, and
   * no token takes less than no time.
   */
  static Speed through(List<Point> points) {
    double slope = slope(points);
    double beginning = beginning(points, slope);
    if (beginning < 0) {
      // a line that begins below zero would make short documents free
      return new Speed(
          0,
          median(points.stream().mapToDouble(Point::seconds))
              / median(points.stream().mapToDouble(Point::depth)));
    }
    return new Speed(beginning, slope);
  }

  private static double slope(List<Point> points) {
    DoubleStream.Builder slopes = DoubleStream.builder();
    for (Point one : points) {
      for (Point other : points) {
        if (one.depth() < other.depth()) {
          slopes.add((other.seconds() - one.seconds()) / (other.depth() - one.depth()));
        }
      }
    }
    return Math.max(0, median(slopes.build()));
  }

  private static double beginning(List<Point> points, double slope) {
    return median(points.stream().mapToDouble(point -> point.seconds() - slope * point.depth()));
  }

  private static double median(DoubleStream values) {
    double[] sorted = values.sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length == 0
        ? 0
        : sorted.length % 2 == 1
            ? sorted[middle]
            : Arrays.stream(sorted, middle - 1, middle + 1).average().orElseThrow();
  }

  /** Seconds for tokens one after the other, the first at this depth. */
  double of(long first, long tokens) {
    return tokens * (seconds + secondsPerDepth * (first + tokens / 2.0));
  }
}
