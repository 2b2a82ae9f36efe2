package org.longform.kernels.quantise;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.HalfFloats;

/**
 * Uniform levels of some bits. Symmetric: {@code w' = s q}, {@code s = max|w| / (2^(b-1) - 1)}.
 * Asymmetric: {@code w' = s (q - z)}, {@code s = (max - min) / (2^b - 1)}, {@code z =
 * round(-min/s)}, of a range that includes zero, so that z is a level, too. Here a level is what s
 * is multiplied with: q - z.
 *
 * @param bits b, at least 2
 */
record Grid(int bits, Symmetry symmetry) {
  /** Whether there is a zero point. */
  enum Symmetry {
    SYMMETRIC,
    ASYMMETRIC
  }

  /** Smallest level of any group. */
  int least() {
    if (symmetry == Symmetry.ASYMMETRIC) {
      return 1 - (1 << bits);
    }
    // at 8 bits as in the field: -128 would have no counterpart
    return bits == 8 ? -127 : -(1 << (bits - 1));
  }

  /** Largest level of any group. */
  int most() {
    return symmetry == Symmetry.ASYMMETRIC ? (1 << bits) - 1 : (1 << (bits - 1)) - 1;
  }

  /** The levels for {@code weights[from…to)}. */
  Step fit(float[] weights, int from, int to) {
    double least = 0;
    double most = 0;
    for (int i = from; i < to; i++) {
      least = Math.min(least, weights[i]);
      most = Math.max(most, weights[i]);
    }
    return fit(least, most);
  }

  /** The levels for {@code weights[from…to)}. */
  Step fit(double[] weights, int from, int to) {
    double least = 0;
    double most = 0;
    for (int i = from; i < to; i++) {
      least = Math.min(least, weights[i]);
      most = Math.max(most, weights[i]);
    }
    return fit(least, most);
  }

  private Step fit(double least, double most) {
    if (symmetry == Symmetry.SYMMETRIC) {
      short half = half(Math.max(-least, most) / most());
      return new Step(HalfFloats.fromF16(half), half, least(), most());
    }
    short half = half((most - least) / most());
    float size = HalfFloats.fromF16(half);
    int zero = size == 0 ? 0 : (int) Math.min(most(), Math.rint(-least / size));
    return new Step(size, half, -zero, most() - zero);
  }

  private static short half(double size) {
    short half = HalfFloats.toF16((float) size);
    if (!Float.isFinite(HalfFloats.fromF16(half))) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot quantise the weights: a step would be %s, which float16 does not hold. Check the model: a weight is not finite or far too large."
              .formatted(size));
    }
    return half;
  }
}
