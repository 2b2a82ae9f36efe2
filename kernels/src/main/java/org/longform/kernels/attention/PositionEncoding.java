package org.longform.kernels.attention;

import java.util.Arrays;

/** How a model tells attention where tokens stand. */
public sealed interface PositionEncoding {

  /**
   * Rotary embedding (Su et al., RoFormer). Pair i of a head is turned by {@code position *
   * inverseFrequencies[i]}, angles in float64. Dimensions beyond {@code 2 * pairs} pass through.
   *
   * @param inverseFrequencies radians per position of each pair, after any length scaling
   * @param attentionFactor factor on cos and sin (YaRN's attention scaling), usually 1
   * @param layout which two dimensions make a pair
   */
  record Rope(double[] inverseFrequencies, double attentionFactor, Layout layout)
      implements PositionEncoding {

    /** Dimensions that are paired. */
    public enum Layout {
      /** i with i + pairs, as in Hugging Face's Llama. */
      HALF_SPLIT,
      /** 2i with 2i + 1, as in GPT-J. */
      INTERLEAVED
    }

    public Rope {
      inverseFrequencies = inverseFrequencies.clone();
    }

    public static Rope plain(int headDim, double theta) {
      double[] frequencies = new double[headDim / 2];
      for (int i = 0; i < frequencies.length; i++) {
        frequencies[i] = Math.pow(theta, -2.0 * i / headDim);
      }
      return new Rope(frequencies, 1.0, Layout.HALF_SPLIT);
    }

    public int pairs() {
      return inverseFrequencies.length;
    }

    /** Rotates one head in place. */
    public void rotate(float[] head, int offset, double position) {
      int pairs = pairs();
      for (int i = 0; i < pairs; i++) {
        double angle = position * inverseFrequencies[i];
        float cos = (float) (Math.cos(angle) * attentionFactor);
        float sin = (float) (Math.sin(angle) * attentionFactor);
        int a = offset + (layout == Layout.HALF_SPLIT ? i : 2 * i);
        int b = offset + (layout == Layout.HALF_SPLIT ? i + pairs : 2 * i + 1);
        float x = head[a];
        float y = head[b];
        head[a] = x * cos - y * sin;
        head[b] = y * cos + x * sin;
      }
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Rope rope
          && Arrays.equals(inverseFrequencies, rope.inverseFrequencies)
          && attentionFactor == rope.attentionFactor
          && layout == rope.layout;
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(inverseFrequencies);
    }
  }

  /** Attention with linear biases: {@code logit - slope[head] * (queryPosition - keyPosition)}. */
  record Alibi(double[] slopes) implements PositionEncoding {
    public Alibi {
      slopes = slopes.clone();
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Alibi alibi && Arrays.equals(slopes, alibi.slopes);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(slopes);
    }
  }
}
