package org.longform.kernels.quantise;

import java.util.Arrays;

/**
 * The tables of QLoRA as bitsandbytes has them: the 16 levels of NF4, quantiles of the normal
 * distribution, and the 8-bit dynamic code, in which the scales of blocks are themselves stored.
 */
final class NormalFloat {
  /** NF4 (QLoRA, appendix E). */
  private static final float[] LEVELS = {
    -1f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1f
  };

  private static final float[] DYNAMIC = dynamic();

  private NormalFloat() {}

  /** Number of the level nearest to a value from -1 to 1. */
  static int code(float value) {
    return nearest(LEVELS, value);
  }

  static float level(int code) {
    return LEVELS[code];
  }

  /** The nearest value of the 8-bit dynamic code to one from -1 to 1. */
  static float dynamic(float value) {
    return DYNAMIC[nearest(DYNAMIC, value)];
  }

  /** All 256 values, ascending. */
  static float[] dynamicCode() {
    return DYNAMIC.clone();
  }

  private static int nearest(float[] sorted, float value) {
    int found = Arrays.binarySearch(sorted, value);
    if (found >= 0) {
      return found;
    }
    int above = Math.min(sorted.length - 1, -found - 1);
    int below = Math.max(0, above - 1);
    // a tie goes down, as with the thresholds of bitsandbytes
    return (double) value - sorted[below] <= (double) sorted[above] - value ? below : above;
  }

  /**
   * Dettmers 2016, 8-bit approximations (arXiv 1511.04561): for each power of ten from 1e-6 to 1
   * the middles of 1, 2, 4 … 64 parts of its last nine tenths, both signs, zero, and one.
   */
  private static float[] dynamic() {
    float[] code = new float[256];
    int count = 0;
    for (int i = 0; i < 7; i++) {
      int parts = 1 << i;
      double power = Math.pow(10, i - 6);
      for (int part = 0; part < parts; part++) {
        float middle = (float) (power * (0.1 + 0.9 * (part + 0.5) / parts));
        code[count++] = middle;
        code[count++] = -middle;
      }
    }
    code[count] = 1;
    Arrays.sort(code);
    return code;
  }
}
