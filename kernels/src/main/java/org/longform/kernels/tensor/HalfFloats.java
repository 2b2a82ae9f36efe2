package org.longform.kernels.tensor;

/** Widening of the two 16-bit floating point formats; exact for every bit pattern. */
final class HalfFloats {
  private HalfFloats() {}

  static void widen(DType dtype, short[] bits, int count, float[] target, int offset) {
    if (dtype == DType.BF16) {
      for (int i = 0; i < count; i++) {
        target[offset + i] = fromBf16(bits[i]);
      }
    } else {
      for (int i = 0; i < count; i++) {
        target[offset + i] = fromF16(bits[i]);
      }
    }
  }

  /** bfloat16: the upper half of a float32. */
  static float fromBf16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
  static float fromF16(short bits) {
    int sign = (bits & 0x8000) << 16;
    int exponent = (bits >>> 10) & 0x1f;
    int fraction = bits & 0x3ff;
    if (exponent == 0x1f) {
      return Float.intBitsToFloat(sign | 0x7f800000 | (fraction << 13));
    }
    if (exponent == 0) {
      // zero and subnormals: fraction * 2^-24 is exact in float32
      float magnitude = fraction * 0x1p-24f;
      return sign == 0 ? magnitude : -magnitude;
    }
    return Float.intBitsToFloat(sign | ((exponent + 112) << 23) | (fraction << 13));
  }
}
