package org.longform.kernels.tensor;

/**
 * Q6_K of the GGUF specification: 128 bytes of low 4 bits, 64 bytes of high 2 bits, 16 signed
 * scales s of 16 elements each, and a float16 d; an element is d*s * (q - 32). Each half of a block
 * has four runs of 32 elements: runs 0 and 2 are the halves of the first 32 low bytes, runs 1 and 3
 * of the next 32; run r has bits 2r and 2r + 1 of the 32 high bytes.
 */
final class Q6KBlock implements BlockFormat {
  private static final int HALF = 128;
  private static final int RUN = 32;
  private static final int SUB_BLOCKS = 16;
  private static final int WIDTH = 16;
  private static final int HIGH = HALF;
  private static final int SCALES = HIGH + HALF / 2;
  private static final int SCALE = SCALES + SUB_BLOCKS;
  private static final int LARGEST_SCALE = 127;
  private static final int TRIALS = 9;

  @Override
  public DType dtype() {
    return DType.Q6_K;
  }

  @Override
  public void decode(Memory source, long at, float[] target, int offset) {
    float d = HalfFloats.fromF16(source.getShort(at + SCALE));
    for (int i = 0; i < 2 * HALF; i++) {
      int run = i % HALF / RUN;
      int low = source.getByte(at + lowByte(i)) >> (run / 2 * 4);
      int high = source.getByte(at + highByte(i)) >> (2 * run);
      int q = ((low & 15) | ((high & 3) << 4)) - 32;
      target[offset + i] = d * source.getByte(at + SCALES + i / WIDTH) * q;
    }
  }

  private static int lowByte(int i) {
    return i / HALF * (HALF / 2) + i % (2 * RUN);
  }

  private static int highByte(int i) {
    return HIGH + i / HALF * RUN + i % RUN;
  }

  @Override
  public void encode(float[] source, int offset, Memory target, long at) {
    float[] steps = new float[SUB_BLOCKS];
    float extreme = 0;
    for (int s = 0; s < SUB_BLOCKS; s++) {
      steps[s] = step(source, offset + s * WIDTH);
      extreme = Math.abs(steps[s]) > Math.abs(extreme) ? steps[s] : extreme;
    }
    short scale = HalfFloats.toF16(extreme / LARGEST_SCALE);
    float d = HalfFloats.fromF16(scale);
    target.putShort(at + SCALE, scale);
    int[] quants = new int[2 * HALF];
    for (int s = 0; s < SUB_BLOCKS; s++) {
      int rounded = d == 0 ? 0 : Math.min(LARGEST_SCALE, Math.max(-128, Math.round(steps[s] / d)));
      target.putByte(at + SCALES + s, (byte) rounded);
      float inverse = d * rounded == 0 ? 0 : 1 / (d * rounded);
      for (int i = s * WIDTH; i < (s + 1) * WIDTH; i++) {
        quants[i] = level(source[offset + i] * inverse) + 32;
      }
    }
    for (int half = 0; half < 2; half++) {
      for (int i = half * HALF; i < half * HALF + 2 * RUN; i++) {
        target.putByte(
            at + lowByte(i), (byte) ((quants[i] & 15) | ((quants[i + 2 * RUN] & 15) << 4)));
      }
      for (int i = half * HALF; i < half * HALF + RUN; i++) {
        int bits = 0;
        for (int run = 0; run < 4; run++) {
          bits |= (quants[i + run * RUN] >> 4) << (2 * run);
        }
        target.putByte(at + highByte(i), (byte) bits);
      }
    }
  }

  /** The step with the least squared error among a few around (largest magnitude) / -32. */
  private static float step(float[] source, int from) {
    float extreme = 0;
    for (int i = from; i < from + WIDTH; i++) {
      extreme = Math.abs(source[i]) > Math.abs(extreme) ? source[i] : extreme;
    }
    float best = 0;
    float leastError = Float.POSITIVE_INFINITY;
    for (int trial = 0; trial < TRIALS && extreme != 0; trial++) {
      float inverse = (-32 - 0.25f * (trial - TRIALS / 2)) / extreme;
      float products = 0;
      float squares = 0;
      for (int i = from; i < from + WIDTH; i++) {
        int level = level(source[i] * inverse);
        products += level * source[i];
        squares += level * level;
      }
      float step = squares == 0 ? 0 : products / squares;
      float error = 0;
      for (int i = from; i < from + WIDTH; i++) {
        float difference = source[i] - step * level(source[i] * inverse);
        error += difference * difference;
      }
      if (error < leastError) {
        leastError = error;
        best = step;
      }
    }
    return best;
  }

  private static int level(float scaled) {
    return Math.min(31, Math.max(-32, Math.round(scaled)));
  }
}
