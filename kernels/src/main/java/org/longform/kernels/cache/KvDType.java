package org.longform.kernels.cache;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.longform.kernels.tensor.HalfFloats;

/** How one head's key or value of one token is stored. */
public enum KvDType {
  /** D float32. */
  F32 {
    @Override
    public int rowBytes(int headDim) {
      return headDim * Float.BYTES;
    }

    @Override
    void encode(float[] source, int from, int headDim, byte[] target, int at) {
      for (int i = 0; i < headDim; i++) {
        FLOATS.set(target, at + i * Float.BYTES, source[from + i]);
      }
    }

    @Override
    void decode(byte[] source, int at, float[] target, int from, int headDim) {
      for (int i = 0; i < headDim; i++) {
        target[from + i] = (float) FLOATS.get(source, at + i * Float.BYTES);
      }
    }
  },

  /**
   * D float16, rounded to nearest: an error of 2^-11 of the value, or of 2^-25 if that is more.
   * What is beyond ±65504, infinities included, becomes ±65504: an infinite key would make every
   * later answer NaN. NaN stays NaN.
   */
  F16 {
    @Override
    public int rowBytes(int headDim) {
      return headDim * Short.BYTES;
    }

    @Override
    void encode(float[] source, int from, int headDim, byte[] target, int at) {
      for (int i = 0; i < headDim; i++) {
        SHORTS.set(target, at + i * Short.BYTES, HalfFloats.toFiniteF16(source[from + i]));
      }
    }

    @Override
    void decode(byte[] source, int at, float[] target, int from, int headDim) {
      for (int i = 0; i < headDim; i++) {
        target[from + i] = HalfFloats.fromF16((short) SHORTS.get(source, at + i * Short.BYTES));
      }
    }
  },

  /**
   * D signed bytes, then a float16 scale for each 32 of them (the last may be fewer): element i is
   * {@code scale[i / 32] * q[i]}, scale = largest magnitude / 127. The error is at most 0.501 of
   * the scale, or 4e-6 if that is more. An infinity becomes ±127 * 65504 and leaves nothing of the
   * finite values that share its scale; a NaN makes all that share its scale NaN.
   */
  Q8 {
    @Override
    public int rowBytes(int headDim) {
      return headDim + scales(headDim) * Short.BYTES;
    }

    @Override
    void encode(float[] source, int from, int headDim, byte[] target, int at) {
      for (int begin = 0; begin < headDim; begin += BLOCK) {
        int end = Math.min(headDim, begin + BLOCK);
        // bits of magnitudes are in the order of the magnitudes, NaN above all
        int largest = 0;
        for (int i = begin; i < end; i++) {
          largest = Math.max(largest, Float.floatToRawIntBits(source[from + i]) & MAGNITUDE);
        }
        short stored = HalfFloats.toFiniteF16(Float.intBitsToFloat(largest) / 127);
        SHORTS.set(target, at + headDim + begin / BLOCK * Short.BYTES, stored);
        // with the scale as it is stored, so that its own rounding costs nothing
        float scale = HalfFloats.fromF16(stored);
        float inverse = scale == 0 ? 0 : 1 / scale;
        for (int i = begin; i < end; i++) {
          target[at + i] = level(source[from + i] * inverse);
        }
      }
    }

    @Override
    void decode(byte[] source, int at, float[] target, int from, int headDim) {
      for (int begin = 0; begin < headDim; begin += BLOCK) {
        int end = Math.min(headDim, begin + BLOCK);
        float scale =
            HalfFloats.fromF16(
                (short) SHORTS.get(source, at + headDim + begin / BLOCK * Short.BYTES));
        for (int i = begin; i < end; i++) {
          target[from + i] = scale * source[at + i];
        }
      }
    }
  };

  private static final int BLOCK = 32;
  private static final int MAGNITUDE = 0x7fffffff;
  private static final VarHandle FLOATS =
      MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SHORTS =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

  /** Bytes of one key or value of one head. */
  public abstract int rowBytes(int headDim);

  /** Stores D values at {@code target[at…]}, {@link #rowBytes} of them. */
  abstract void encode(float[] source, int from, int headDim, byte[] target, int at);

  abstract void decode(byte[] source, int at, float[] target, int from, int headDim);

  private static int scales(int headDim) {
    return (headDim + BLOCK - 1) / BLOCK;
  }

  /** The nearest whole number from -127 to 127, ties to even; 0 for NaN. */
  private static byte level(float scaled) {
    // beside 1.5 * 2^23 the last bit of a float is worth 1: the addition rounds
    float limited = Math.max(-127f, Math.min(127f, scaled));
    return (byte) (Float.floatToRawIntBits(limited + 12582912f) - 0x4b400000);
  }
}
