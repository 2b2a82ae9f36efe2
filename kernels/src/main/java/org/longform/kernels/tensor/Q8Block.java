package org.longform.kernels.tensor;

/**
 * Q8_0 of the GGUF specification: a float16 scale d and 32 signed bytes q; an element is d * q, d =
 * largest magnitude / 127.
 */
final class Q8Block implements BlockFormat {
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
    target.putShort(at, HalfFloats.toF16(scale));
    for (int i = 0; i < DType.Q8_0.blockElements(); i++) {
      target.putByte(at + Short.BYTES + i, (byte) Math.rint(source[offset + i] * inverse));
    }
  }
}
