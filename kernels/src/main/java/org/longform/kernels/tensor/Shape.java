package org.longform.kernels.tensor;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Lengths of the axes of a tensor, slowest first. */
public final class Shape {
  private final long[] axes;
  private final long elements;

  private Shape(long[] axes, long elements) {
    this.axes = axes;
    this.elements = elements;
  }

  /**
   * @throws IllegalArgumentException if an axis is negative or the number of elements overflows
   */
  public static Shape of(long... axes) {
    long elements = 1;
    for (long axis : axes) {
      if (axis < 0) {
        throw new IllegalArgumentException(
            "Cannot make shape " + Arrays.toString(axes) + ": an axis is negative.");
      }
      elements = Math.multiplyExact(elements, axis);
    }
    return new Shape(axes.clone(), elements);
  }

  public int rank() {
    return axes.length;
  }

  public long axis(int index) {
    return axes[index];
  }

  /** Number of elements. */
  public long elements() {
    return elements;
  }

  /** Elements of one entry of the first axis. */
  public long rowElements() {
    long elements = 1;
    for (int i = 1; i < axes.length; i++) {
      elements *= axes[i];
    }
    return elements;
  }

  /** The same shape with another length of the first axis. */
  public Shape withRows(long rows) {
    long[] copy = axes.clone();
    copy[0] = rows;
    return of(copy);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape shape && Arrays.equals(axes, shape.axes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(axes);
  }

  @Override
  public String toString() {
    return Arrays.stream(axes).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
  }
}
