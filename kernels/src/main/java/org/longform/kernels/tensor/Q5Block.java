package org.longform.kernels.tensor;

/**
 * Q5_0 of the GGUF specification: a float16 scale d, 32 fifth bits and 16 bytes; element i has the
 * low half of byte i and bit i, element i + 16 the high half and bit i + 16, each as d * (q - 16).
 * d = (element of largest magnitude) / -16.
 */
final class Q5Block implements BlockFormat {
  private static final int HALF = 16;
  private static final int BITS = Short.BYTES;
  private static final int HALVES = BITS + Integer.BYTES;

  @Override
  public DType dtype() {
    return DType.Q5_0;
  }

  @Override
  public void decode(Memory source, long at, float[] target, int offset) {
    float scale = HalfFloats.fromF16(source.getShort(at));
    int bits =
        (source.getShort(at + BITS) & 0xffff) | (source.getShort(at + BITS + Short.BYTES) << 16);
    for (int i = 0; i < HALF; i++) {
      int pair = source.getByte(at + HALVES + i);
      int low = (pair & 15) | (((bits >>> i) & 1) << 4);
      int high = ((pair >> 4) & 15) | (((bits >>> (i + HALF)) & 1) << 4);
      target[offset + i] = scale * (low - 16);
      target[offset + i + HALF] = scale * (high - 16);
    }
  }

  @Override
  public void encode(float[] source, int offset, Memory target, long at) {
    float extreme = 0;
    for (int i = 0; i < 2 * HALF; i++) {
      extreme = Math.abs(source[offset + i]) > Math.abs(extreme) ? source[offset + i] : extreme;
    }
    float scale = extreme / -16;
    float inverse = scale == 0 ? 0 : 1 / scale;
    target.putShort(at, HalfFloats.toF16(scale));
    int bits = 0;
    for (int i = 0; i < HALF; i++) {
      int low = level(source[offset + i] * inverse);
      int high = level(source[offset + i + HALF] * inverse);
      target.putByte(at + HALVES + i, (byte) ((low & 15) | ((high & 15) << 4)));
      bits |= ((low >> 4) << i) | ((high >> 4) << (i + HALF));
    }
    target.putShort(at + BITS, (short) bits);
    target.putShort(at + BITS + Short.BYTES, (short) (bits >>> 16));
  }

  private static int level(float scaled) {
    return Math.min(31, Math.max(0, (int) (scaled + 16.5f)));
  }
}
