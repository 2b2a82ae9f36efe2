package org.longform.kernels.tensor;

/** The two 16-bit floating point formats. Widening is exact for every bit pattern. */
public final class HalfFloats {
  // the bits of 65504 as float32
  private static final int LARGEST_F16 = 0x477fe000;

  private HalfFloats() {}

  public static void widen(DType dtype, short[] bits, int count, float[] target, int offset) {
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
  public static float fromBf16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
  public static float fromF16(short bits) {
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

  /** Nearest binary16, ties to even; what is too large becomes infinite. */
  public static short toF16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x7f800000) {
      // infinity stays, and NaN stays one whatever bits it loses
      return (short) (sign | 0x7c00 | (magnitude > 0x7f800000 ? 0x200 : 0));
    }
    if (magnitude >= 0x477ff000) {
      return (short) (sign | 0x7c00);
    }
    if (magnitude < 0x38800000) {
      // below 2^-14: next to 0.5 the last bit is worth 2^-24, the step of subnormals
      float aligned = Float.intBitsToFloat(magnitude) + 0.5f;
      return (short) (sign | (Float.floatToRawIntBits(aligned) - 0x3f000000));
    }
    int odd = (magnitude >>> 13) & 1;
    return (short) (sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13));
  }

  /** As {@link #toF16}, but what is too large becomes the largest finite value, 65504. */
  public static short toFiniteF16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x38800000 && magnitude < LARGEST_F16) {
      int odd = (magnitude >>> 13) & 1;
      return (short) (sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13));
    }
    return magnitude >= LARGEST_F16 && magnitude <= 0x7f800000
        ? (short) (sign | 0x7bff)
        : toF16(value);
  }

  /** Nearest bfloat16, ties to even. */
  public static short toBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7fffffff) > 0x7f800000) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }
}
