package org.longform.kernels.tensor;

/**
 * Q4_K of the GGUF specification: float16 d and e, {@link SubBlockScales} s and m, and 128 bytes of
 * 4-bit q; an element is d*s * q - e*m. Bytes 32p to 32p + 31 hold sub-block 2p in their low halves
 * and 2p + 1 in their high ones.
 */
final class Q4KBlock implements BlockFormat {
  private static final int WIDTH = AffineBlock.WIDTH;
  private static final int SCALES = 2 * Short.BYTES;
  private static final int HALVES = SCALES + SubBlockScales.BYTES;

  @Override
  public DType dtype() {
    return DType.Q4_K;
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
        int q = (source.getByte(at + HALVES + s / 2 * WIDTH + i) >> shift) & 15;
        target[offset + s * WIDTH + i] = step * q - minimum;
      }
    }
  }

  @Override
  public void encode(float[] source, int offset, Memory target, long at) {
    AffineBlock block = new AffineBlock(15);
    block.fit(source, offset);
    target.putShort(at, block.scaleOfScales);
    target.putShort(at + Short.BYTES, block.scaleOfMinima);
    SubBlockScales.write(block.roundedScales, block.roundedMinima, target, at + SCALES);
    for (int i = 0; i < DType.Q4_K.blockElements() / 2; i++) {
      int low = i / WIDTH * 2 * WIDTH + i % WIDTH;
      target.putByte(
          at + HALVES + i, (byte) (block.quants[low] | (block.quants[low + WIDTH] << 4)));
    }
  }
}
