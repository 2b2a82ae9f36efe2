package org.longform.kernels.attention;

import java.util.Arrays;

/** A factor on the positions for each query head; {@link #NONE} leaves them as they are. */
public final class HeadScales {
  public static final HeadScales NONE = new HeadScales(new double[0]);

  private final double[] scales;

  private HeadScales(double[] scales) {
    this.scales = scales;
  }

  public static HeadScales of(double... scales) {
    return new HeadScales(scales.clone());
  }

  public boolean isNone() {
    return scales.length == 0;
  }

  /** Number of heads with a factor of their own; 0 for {@link #NONE}. */
  public int heads() {
    return scales.length;
  }

  public double at(int head) {
    return scales.length == 0 ? 1.0 : scales[head];
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof HeadScales that && Arrays.equals(scales, that.scales);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(scales);
  }

  @Override
  public String toString() {
    return Arrays.toString(scales);
  }
}
