package org.longform.kernels.device.nd4j;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;

/**
 * exp of many float32 values, relative error below 2e-7. exp(x) = 2^n * exp(r), with x = n ln 2 + r
 * and a degree 6 polynomial in r (the coefficients of Cephes' expf). Java's compiler makes SIMD of
 * float loops and of int loops, but not of a loop that turns one into the other, so the bits pass
 * through a small direct buffer: four times faster than the plain loop.
 */
final class Exponentials {
  static final int BLOCK = 1024;

  // exp of it is about 2e-38, still a normal number; everything below is as good as that
  private static final float LOWEST = -86f;
  private static final float HIGHEST = 86f;
  private static final float LOG2_E = 1.44269504f;
  // adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits
  private static final float ROUND = 12582912f;
  // ln 2 in two parts, the first exact in few bits (Cody and Waite)
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;

  private final float[] rounded = new float[BLOCK];
  private final float[] fraction = new float[BLOCK];
  private final int[] exponentBits = new int[BLOCK];
  private final int[] valueBits = new int[BLOCK];
  private final FloatBuffer floats;
  private final IntBuffer ints;

  Exponentials() {
    ByteBuffer bytes =
        ByteBuffer.allocateDirect(2 * BLOCK * Float.BYTES).order(ByteOrder.nativeOrder());
    floats = bytes.asFloatBuffer();
    ints = bytes.asIntBuffer();
  }

  /**
   * {@code x[i] = exp(x[i] - shift)} for {@code from <= i < to}, arguments beyond ±86 taken as
   * that.
   *
   * @return the sum of the results
   */
  float apply(float[] x, int from, int to, float shift) {
    float sum = 0;
    for (int at = from; at < to; at += BLOCK) {
      int count = Math.min(BLOCK, to - at);
      System.arraycopy(x, at, rounded, 0, count);
      split(rounded, fraction, count, shift);
      floats.put(0, rounded, 0, count).put(BLOCK, fraction, 0, count);
      ints.get(0, exponentBits, 0, count).get(BLOCK, valueBits, 0, count);
      join(exponentBits, valueBits, count);
      ints.put(0, valueBits, 0, count);
      floats.get(0, x, at, count);
      sum += sum(x, at, count);
    }
    return sum;
  }

  // arrays from index 0 on, as parameters: with an offset or fields the compiler makes no SIMD of
  // it
  /** x = n ln 2 + r; leaves n, as the low bits of a float, in {@code x} and exp(r) in {@code p}. */
  private static void split(float[] x, float[] p, int count, float shift) {
    for (int i = 0; i < count; i++) {
      float v = Math.min(Math.max(x[i] - shift, LOWEST), HIGHEST);
      float magic = v * LOG2_E + ROUND;
      float k = magic - ROUND;
      float r = v - k * LN2_HIGH;
      r = r - k * LN2_LOW;
      float q = 1.9875691500E-4f;
      q = q * r + 1.3981999507E-3f;
      q = q * r + 8.3334519073E-3f;
      q = q * r + 4.1665795894E-2f;
      q = q * r + 1.6666665459E-1f;
      q = q * r + 5.0000001201E-1f;
      x[i] = magic;
      p[i] = q * r * r + r + 1f;
    }
  }

  private static void join(int[] exponents, int[] values, int count) {
    for (int i = 0; i < count; i++) {
      values[i] = values[i] + (exponents[i] << 23);
    }
  }

  /** Four partial sums: Java keeps the order of float additions, so that one would be serial. */
  private static float sum(float[] x, int from, int count) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    int i = from;
    for (int end = from + count - 3; i < end; i += 4) {
      a += x[i];
      b += x[i + 1];
      c += x[i + 2];
      d += x[i + 3];
    }
    for (; i < from + count; i++) {
      a += x[i];
    }
    return (a + b) + (c + d);
  }

  /** The largest of {@code x[from…to)}, -∞ if there is none; a NaN is passed over. */
  static float max(float[] x, int from, int to) {
    float a = Float.NEGATIVE_INFINITY;
    float b = a;
    float c = a;
    float d = a;
    int i = from;
    for (; i < to - 3; i += 4) {
      a = x[i] > a ? x[i] : a;
      b = x[i + 1] > b ? x[i + 1] : b;
      c = x[i + 2] > c ? x[i + 2] : c;
      d = x[i + 3] > d ? x[i + 3] : d;
    }
    for (; i < to; i++) {
      a = x[i] > a ? x[i] : a;
    }
    return Math.max(Math.max(a, b), Math.max(c, d));
  }
}
