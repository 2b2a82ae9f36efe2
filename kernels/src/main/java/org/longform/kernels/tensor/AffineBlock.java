package org.longform.kernels.tensor;

/**
 * The rounding that Q4_K and Q5_K share. A block of 256 is eight sub-blocks of 32; an element is
 * d*s * q - e*m, with float16 d and e for the block and whole s, m from 0 to 63 for the sub-block.
 *
 * <p>The search: each sub-block gets the scale and the minimum with the least squared error among a
 * few numbers of steps, solved for both by least squares, as ggml's {@code make_qkx2_quants} does;
 * they are rounded to six bits, and the levels chosen anew for what the rounding left.
 */
final class AffineBlock {
  static final int WIDTH = 32;

  private static final int LARGEST = 63;
  // tried are step counts from one below to one and a half above the largest level
  private static final int TRIALS = 12;
  private static final float FIRST_TRIAL = -1;
  private static final float TRIAL_STEP = 0.2f;

  private final int levels;
  private final float[] scales = new float[SubBlockScales.SUB_BLOCKS];
  private final float[] minima = new float[SubBlockScales.SUB_BLOCKS];
  private float bestError;

  /** Scales in six bits. */
  final int[] roundedScales = new int[SubBlockScales.SUB_BLOCKS];

  /** Minima in six bits. */
  final int[] roundedMinima = new int[SubBlockScales.SUB_BLOCKS];

  /** Levels of all elements. */
  final int[] quants = new int[SubBlockScales.SUB_BLOCKS * WIDTH];

  /** d, as float16. */
  short scaleOfScales;

  /** e, as float16. */
  short scaleOfMinima;

  /**
   * @param levels largest value of q
   */
  AffineBlock(int levels) {
    this.levels = levels;
  }

  void fit(float[] source, int offset) {
    float largestScale = 0;
    float largestMinimum = 0;
    for (int s = 0; s < scales.length; s++) {
      search(source, offset + s * WIDTH, s);
      largestScale = Math.max(largestScale, scales[s]);
      largestMinimum = Math.max(largestMinimum, minima[s]);
    }
    scaleOfScales = HalfFloats.toF16(largestScale / LARGEST);
    scaleOfMinima = HalfFloats.toF16(largestMinimum / LARGEST);
    float d = HalfFloats.fromF16(scaleOfScales);
    float e = HalfFloats.fromF16(scaleOfMinima);
    for (int s = 0; s < scales.length; s++) {
      roundedScales[s] = rounded(scales[s], d, LARGEST);
      roundedMinima[s] = rounded(minima[s], e, LARGEST);
      float step = d * roundedScales[s];
      float minimum = e * roundedMinima[s];
      for (int i = s * WIDTH; i < (s + 1) * WIDTH; i++) {
        quants[i] = rounded(source[offset + i] + minimum, step, levels);
      }
    }
  }

  private static int rounded(float value, float step, int largest) {
    return step == 0 ? 0 : Math.min(largest, Math.max(0, Math.round(value / step)));
  }

  private void search(float[] source, int from, int subBlock) {
    float least = 0; // a minimum cannot be above zero: m has no sign
    float most = source[from];
    for (int i = from; i < from + WIDTH; i++) {
      least = Math.min(least, source[i]);
      most = Math.max(most, source[i]);
    }
    scales[subBlock] = 0;
    minima[subBlock] = -least;
    if (most <= least) {
      return;
    }
    bestError = Float.POSITIVE_INFINITY;
    consider(source, from, subBlock, (most - least) / levels, -least);
    for (int trial = 0; trial < TRIALS; trial++) {
      float inverse = (levels + FIRST_TRIAL + TRIAL_STEP * trial) / (most - least);
      solve(source, from, subBlock, inverse, least);
    }
  }

  /** Rounds with {@code inverse} steps per unit, then solves scale and minimum for those levels. */
  private void solve(float[] source, int from, int subBlock, float inverse, float least) {
    float sumLevels = 0;
    float sumSquares = 0;
    float sumValues = 0;
    float sumProducts = 0;
    for (int i = from; i < from + WIDTH; i++) {
      int level = Math.min(levels, Math.max(0, (int) (inverse * (source[i] - least) + 0.5f)));
      sumLevels += level;
      sumSquares += level * level;
      sumValues += source[i];
      sumProducts += level * source[i];
    }
    float determinant = WIDTH * sumSquares - sumLevels * sumLevels;
    if (determinant <= 0) {
      return;
    }
    float scale = (WIDTH * sumProducts - sumValues * sumLevels) / determinant;
    float shift = (sumSquares * sumValues - sumLevels * sumProducts) / determinant;
    if (shift > 0) {
      shift = 0;
      scale = sumProducts / sumSquares;
    }
    if (scale > 0) {
      consider(source, from, subBlock, scale, -shift);
    }
  }

  private void consider(float[] source, int from, int subBlock, float scale, float minimum) {
    float error = 0;
    float inverse = 1 / scale;
    for (int i = from; i < from + WIDTH; i++) {
      int level = Math.min(levels, Math.max(0, (int) ((source[i] + minimum) * inverse + 0.5f)));
      float difference = scale * level - minimum - source[i];
      error += difference * difference;
    }
    if (error < bestError) {
      bestError = error;
      scales[subBlock] = scale;
      minima[subBlock] = minimum;
    }
  }
}
