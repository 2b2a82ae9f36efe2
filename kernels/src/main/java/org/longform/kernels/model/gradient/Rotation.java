package org.longform.kernels.model.gradient;

import org.longform.kernels.attention.PositionEncoding.Rope;

/** Turns heads to their positions, and derivatives back. */
final class Rotation {
  private final Rope rope;

  Rotation(Rope rope) {
    this.rope = rope;
  }

  /** Turns all heads of tokens 0, 1, 2…; the result is another array. */
  double[] forward(double[] heads, int tokens, int headDim) {
    return turned(heads, tokens, headDim, 1);
  }

  /** The derivative by what was turned: a rotation's transpose turns back. */
  double[] backward(double[] heads, int tokens, int headDim) {
    return turned(heads, tokens, headDim, -1);
  }

  private double[] turned(double[] heads, int tokens, int headDim, int direction) {
    double[] turned = heads.clone();
    int width = heads.length / tokens;
    double[] frequencies = rope.inverseFrequencies();
    boolean halves = rope.layout() == Rope.Layout.HALF_SPLIT;
    for (int t = 0; t < tokens; t++) {
      for (int i = 0; i < frequencies.length; i++) {
        double cos = Math.cos(t * frequencies[i]) * rope.attentionFactor();
        double sin = Math.sin(t * frequencies[i]) * rope.attentionFactor() * direction;
        for (int head = t * width; head < (t + 1) * width; head += headDim) {
          int a = head + (halves ? i : 2 * i);
          int b = head + (halves ? i + frequencies.length : 2 * i + 1);
          turned[a] = heads[a] * cos - heads[b] * sin;
          turned[b] = heads[b] * cos + heads[a] * sin;
        }
      }
    }
    return turned;
  }
}
