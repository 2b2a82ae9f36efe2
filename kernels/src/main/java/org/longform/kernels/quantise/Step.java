package org.longform.kernels.quantise;

/**
 * The levels of one group of weights: a weight is {@code size * level}.
 *
 * @param size rounded to float16, as it is stored: 0 if the group has nothing but zeros
 * @param half the same as float16
 * @param least smallest level, minus the zero point where there is one
 * @param most largest level
 */
record Step(float size, short half, int least, int most) {
  /** The nearest level there is. */
  int level(double weight) {
    return size == 0 ? 0 : (int) Math.min(most, Math.max(least, Math.rint(weight / size)));
  }

  /** What a level stands for: exactly, since the product of 11 and 9 bits fits into a float32. */
  float value(int level) {
    return size * level;
  }

  float rounded(double weight) {
    return value(level(weight));
  }
}
