package org.longform.kernels.tensor;

/**
 * Q5_0 of the GGUF specification: a float16 scale d, 32 fifth bits and 16 bytes; element i has the
 * low half of byte i and bit i, element i + 16 the high half and bit i + 16, each as d * (q - 16).
 * d = (element of largest magnitude) / -16.
 */
final class Q5Block implements LevelBlock {
  private static final int HALF = 16;
  private static final int OFFSET = 16;
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
      target[offset + i] = scale * (low - OFFSET);
      target[offset + i + HALF] = scale * (high - OFFSET);
    }
  }

  @Override
  public void encode(float[] source, int offset, Memory target, long at) {
    encodeByExtreme(source, offset, target, at);
  }

  @Override
  public int least() {
    return -OFFSET;
  }

  @Override
  public int most() {
    return OFFSET - 1;
  }

  @Override
  public void pack(short scale, int[] levels, int offset, Memory target, long at) {
    target.putShort(at, scale);
    int bits = 0;
    for (int i = 0; i < HALF; i++) {
      int low = levels[offset + i] + OFFSET;
      int high = levels[offset + i + HALF] + OFFSET;
      target.putByte(at + HALVES + i, (byte) ((low & 15) | ((high & 15) << 4)));
      bits |= ((low >> 4) << i) | ((high >> 4) << (i + HALF));
    }
    target.putShort(at + BITS, (short) bits);
    target.putShort(at + BITS + Short.BYTES, (short) (bits >>> 16));
  }
}
