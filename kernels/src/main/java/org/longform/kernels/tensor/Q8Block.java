package org.longform.kernels.tensor;

/**
 * Q8_0 of the GGUF specification: a float16 scale d and 32 signed bytes q; an element is d * q, d =
 * largest magnitude / 127.
 */
final class Q8Block implements LevelBlock {
  @Override
  public DType dtype() {
    return DType.Q8_0;
  }

  @Override
  public void decode(Memory source, long at, float[] target, int offset) {
    float scale = HalfFloats.fromF16(source.getShort(at));
    for (int i = 0; i < DType.Q8_0.blockElements(); i++) {
      target[offset + i] = scale * source.getByte(at + Short.BYTES + i);
    }
  }

  @Override
  public void encode(float[] source, int offset, Memory target, long at) {
    float largest = 0;
    for (int i = 0; i < DType.Q8_0.blockElements(); i++) {
      largest = Math.max(largest, Math.abs(source[offset + i]));
    }
    float scale = largest / 127;
    float inverse = scale == 0 ? 0 : 1 / scale;
    int[] levels = new int[DType.Q8_0.blockElements()];
    for (int i = 0; i < levels.length; i++) {
      levels[i] = (int) Math.rint(source[offset + i] * inverse);
    }
    pack(HalfFloats.toF16(scale), levels, 0, target, at);
  }

  // it has no counterpart, and encode does not use it; int8 checkpoints do
  @Override
  public int least() {
    return -128;
  }

  @Override
  public int most() {
    return 127;
  }

  @Override
  public void pack(short scale, int[] levels, int offset, Memory target, long at) {
    target.putShort(at, scale);
    for (int i = 0; i < DType.Q8_0.blockElements(); i++) {
      target.putByte(at + Short.BYTES + i, (byte) levels[offset + i]);
    }
  }
}
