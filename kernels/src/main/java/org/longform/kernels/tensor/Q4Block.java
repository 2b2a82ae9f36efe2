package org.longform.kernels.tensor;

/**
 * Q4_0 of the GGUF specification: a float16 scale d and 16 bytes; the low half of byte i is element
 * i, the high half element i + 16, each as d * (q - 8). d = (element of largest magnitude) / -8.
 */
final class Q4Block implements BlockFormat {
  private static final int HALF = 16;

  @Override
  public DType dtype() {
    return DType.Q4_0;
  }

  @Override
  public void decode(Memory source, long at, float[] target, int offset) {
    float scale = HalfFloats.fromF16(source.getShort(at));
    for (int i = 0; i < HALF; i++) {
      int pair = source.getByte(at + Short.BYTES + i);
      target[offset + i] = scale * ((pair & 15) - 8);
      target[offset + i + HALF] = scale * (((pair >> 4) & 15) - 8);
    }
  }

  @Override
  public void encode(float[] source, int offset, Memory target, long at) {
    float extreme = 0;
    for (int i = 0; i < 2 * HALF; i++) {
      extreme = Math.abs(source[offset + i]) > Math.abs(extreme) ? source[offset + i] : extreme;
    }
    float scale = extreme / -8;
    float inverse = scale == 0 ? 0 : 1 / scale;
    target.putShort(at, HalfFloats.toF16(scale));
    for (int i = 0; i < HALF; i++) {
      int low = level(source[offset + i] * inverse);
      int high = level(source[offset + i + HALF] * inverse);
      target.putByte(at + Short.BYTES + i, (byte) (low | (high << 4)));
    }
  }

  private static int level(float scaled) {
    return Math.min(15, Math.max(0, (int) (scaled + 8.5f)));
  }
}
