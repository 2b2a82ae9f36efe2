package org.longform.kernels.tensor;

/**
 * Q5_K of the GGUF specification: as {@link Q4KBlock}, with 32 bytes of fifth bits before the
 * halves; bit s of byte i belongs to element i of sub-block s.
 */
final class Q5KBlock implements BlockFormat {
  private static final int WIDTH = AffineBlock.WIDTH;
  private static final int SCALES = 2 * Short.BYTES;
  private static final int BITS = SCALES + SubBlockScales.BYTES;
  private static final int HALVES = BITS + WIDTH;

  @Override
  public DType dtype() {
    return DType.Q5_K;
  }

  @Override
  public void decode(Memory source, long at, float[] target, int offset) {
    float d = HalfFloats.fromF16(source.getShort(at));
    float e = HalfFloats.fromF16(source.getShort(at + Short.BYTES));
    for (int s = 0; s < SubBlockScales.SUB_BLOCKS; s++) {
      float step = d * SubBlockScales.scale(source, at + SCALES, s);
      float minimum = e * SubBlockScales.minimum(source, at + SCALES, s);
      int shift = s % 2 * 4;
      for (int i = 0; i < WIDTH; i++) {
        int q =
            ((source.getByte(at + HALVES + s / 2 * WIDTH + i) >> shift) & 15)
                | (((source.getByte(at + BITS + i) >> s) & 1) << 4);
        target[offset + s * WIDTH + i] = step * q - minimum;
      }
    }
  }

  @Override
  public void encode(float[] source, int offset, Memory target, long at) {
    AffineBlock block = new AffineBlock(31);
    block.fit(source, offset);
    target.putShort(at, block.scaleOfScales);
    target.putShort(at + Short.BYTES, block.scaleOfMinima);
    SubBlockScales.write(block.roundedScales, block.roundedMinima, target, at + SCALES);
    for (int i = 0; i < WIDTH; i++) {
      int bits = 0;
      for (int s = 0; s < SubBlockScales.SUB_BLOCKS; s++) {
        bits |= (block.quants[s * WIDTH + i] >> 4) << s;
      }
      target.putByte(at + BITS + i, (byte) bits);
    }
    for (int i = 0; i < DType.Q5_K.blockElements() / 2; i++) {
      int low = i / WIDTH * 2 * WIDTH + i % WIDTH;
      target.putByte(
          at + HALVES + i,
          (byte) ((block.quants[low] & 15) | ((block.quants[low + WIDTH] & 15) << 4)));
    }
  }
}
