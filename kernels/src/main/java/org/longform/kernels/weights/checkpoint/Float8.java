package org.longform.kernels.weights.checkpoint;

/**
 * The two 8-bit floating point formats of checkpoints (Micikevicius et al., "FP8 Formats for Deep
 * Learning", 2022), by the words of safetensors headers.
 */
enum Float8 {
  /** 4 exponent bits of bias 7, 3 fraction bits; no infinity, and one NaN: all bits set. */
  F8_E4M3(3, 7),
  /** 5 exponent bits of bias 15, 2 fraction bits; infinities and NaNs as in IEEE 754. */
  F8_E5M2(2, 15);

  private final int fractionBits;
  private final int bias;

  Float8(int fractionBits, int bias) {
    this.fractionBits = fractionBits;
    this.bias = bias;
  }

  static boolean isWord(String dtype) {
    return dtype.equals(F8_E4M3.name()) || dtype.equals(F8_E5M2.name());
  }

  static Float8 of(String dtype) {
    return valueOf(dtype);
  }

  /** The number that each byte stands for. */
  float[] numbers() {
    float[] values = new float[1 << Byte.SIZE];
    for (int bits = 0; bits < values.length; bits++) {
      values[bits] = value(bits);
    }
    return values;
  }

  private float value(int bits) {
    int magnitude = bits & 0x7f;
    int exponent = magnitude >> fractionBits;
    int fraction = magnitude & ((1 << fractionBits) - 1);
    float value;
    if (this == F8_E4M3 ? magnitude == 0x7f : exponent == 0x1f) {
      value = this == F8_E5M2 && fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
    } else if (exponent == 0) {
      value = Math.scalb((float) fraction, 1 - bias - fractionBits);
    } else {
      value = Math.scalb((float) (fraction + (1 << fractionBits)), exponent - bias - fractionBits);
    }
    return bits > 0x7f ? -value : value;
  }
}
