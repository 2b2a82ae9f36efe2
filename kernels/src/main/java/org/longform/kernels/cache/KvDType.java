package org.longform.kernels.cache;

import org.longform.kernels.tensor.HalfFloats;
import org.longform.kernels.tensor.Memory;

/** How one head's key or value of one token is stored. */
public enum KvDType {
  /** D float32. */
  F32 {
    @Override
    public int rowBytes(int headDim) {
      return headDim * Float.BYTES;
    }

    @Override
    void encode(float[] source, int from, int headDim, Memory target, long at) {
      target.write(at, source, from, headDim);
    }

    @Override
    void decode(Memory source, long at, float[] target, int from, int headDim) {
      source.read(at, target, from, headDim);
    }
  },

  /** D float16, rounded to nearest; what is beyond ±65504 becomes ±65504. */
  F16 {
    @Override
    public int rowBytes(int headDim) {
      return headDim * Short.BYTES;
    }

    @Override
    void encode(float[] source, int from, int headDim, Memory target, long at) {
      short[] bits = new short[headDim];
      for (int i = 0; i < headDim; i++) {
        float value = source[from + i];
        // an infinite key would make every later answer NaN; a NaN stays one
        bits[i] = HalfFloats.toF16(Math.max(-LARGEST_F16, Math.min(LARGEST_F16, value)));
      }
      target.writeShorts(at, bits, headDim);
    }

    @Override
    void decode(Memory source, long at, float[] target, int from, int headDim) {
      short[] bits = new short[headDim];
      source.readShorts(at, bits, headDim);
      for (int i = 0; i < headDim; i++) {
        target[from + i] = HalfFloats.fromF16(bits[i]);
      }
    }
  },

  /**
   * D signed bytes, then a float16 scale for each 32 of them (the last may be fewer): element i is
   * {@code scale[i / 32] * q[i]}, scale = largest magnitude / 127.
   */
  Q8 {
    @Override
    public int rowBytes(int headDim) {
      return headDim + scales(headDim) * Short.BYTES;
    }

    @Override
    void encode(float[] source, int from, int headDim, Memory target, long at) {
      byte[] quantised = new byte[headDim];
      short[] scales = new short[scales(headDim)];
      for (int block = 0; block < scales.length; block++) {
        int begin = block * BLOCK;
        int end = Math.min(headDim, begin + BLOCK);
        float largest = 0;
        for (int i = begin; i < end; i++) {
          largest = Math.max(largest, Math.abs(source[from + i]));
        }
        scales[block] = HalfFloats.toF16(Math.min(LARGEST_F16, largest / 127));
        // with the scale as it is stored, so that its own rounding costs nothing
        float scale = HalfFloats.fromF16(scales[block]);
        float inverse = scale == 0 ? 0 : 1 / scale;
        for (int i = begin; i < end; i++) {
          quantised[i] =
              (byte) Math.max(-127, Math.min(127, (int) Math.rint(source[from + i] * inverse)));
        }
      }
      target.writeBytes(at, quantised, 0, headDim);
      target.writeShorts(at + headDim, scales, scales.length);
    }

    @Override
    void decode(Memory source, long at, float[] target, int from, int headDim) {
      byte[] quantised = new byte[headDim];
      short[] scales = new short[scales(headDim)];
      source.readBytes(at, quantised, 0, headDim);
      source.readShorts(at + headDim, scales, scales.length);
      for (int i = 0; i < headDim; i++) {
        target[from + i] = HalfFloats.fromF16(scales[i / BLOCK]) * quantised[i];
      }
    }
  };

  private static final int BLOCK = 32;
  private static final float LARGEST_F16 = 65504f;

  /** Bytes of one key or value of one head. */
  public abstract int rowBytes(int headDim);

  abstract void encode(float[] source, int from, int headDim, Memory target, long at);

  abstract void decode(Memory source, long at, float[] target, int from, int headDim);

  private static int scales(int headDim) {
    return (headDim + BLOCK - 1) / BLOCK;
  }
}
