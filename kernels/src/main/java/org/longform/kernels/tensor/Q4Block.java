package org.longform.kernels.tensor;

/**
 * Q4_0 of the GGUF specification: a float16 scale d and 16 bytes; the low half of byte i is element
 * i, the high half element i + 16, each as d * (q - 8). d = (element of largest magnitude) / -8.
 */
final class Q4Block implements LevelBlock {
  private static final int HALF = 16;
  private static final int OFFSET = 8;

  @Override
  public DType dtype() {
    return DType.Q4_0;
  }

  @Override
  public void decode(Memory source, long at, float[] target, int offset) {
    float scale = HalfFloats.fromF16(source.getShort(at));
    for (int i = 0; i < HALF; i++) {
      int pair = source.getByte(at + Short.BYTES + i);
      target[offset + i] = scale * ((pair & 15) - OFFSET);
      target[offset + i + HALF] = scale * (((pair >> 4) & 15) - OFFSET);
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
    for (int i = 0; i < HALF; i++) {
      int low = levels[offset + i] + OFFSET;
      int high = levels[offset + i + HALF] + OFFSET;
      target.putByte(at + Short.BYTES + i, (byte) (low | (high << 4)));
    }
  }
}
