package org.longform.kernels.device.nd4j;

import java.util.Arrays;

/**
 * Softmax over keys that come tile by tile: for each query the largest logit so far, the sum of
 * exponentials relative to it and the mix of values so far. Tiles and segments merge to exactly one
 * softmax over all of them.
 */
final class RunningSoftmax {
  private final int headDim;
  private final int tokens;
  private final int firstHead;
  private final int firstToken;
  private final float[] largest;
  private final float[] sums;
  private final float[] mixed;

  /**
   * State of {@code heads} heads from firstHead on and {@code tokens} tokens from firstToken on.
   */
  RunningSoftmax(int firstHead, int heads, int firstToken, int tokens, int headDim) {
    this.firstHead = firstHead;
    this.firstToken = firstToken;
    this.tokens = tokens;
    this.headDim = headDim;
    this.largest = new float[heads * tokens];
    Arrays.fill(largest, Float.NEGATIVE_INFINITY);
    this.sums = new float[heads * tokens];
    this.mixed = new float[heads * tokens * headDim];
  }

  int slot(int head, int token) {
    return (head - firstHead) * tokens + token - firstToken;
  }

  /** Adds a tile; the scores in the scratch are replaced by their exponentials. */
  void add(KeyTile keys, Scratch scratch) {
    QueryPart part = keys.part();
    ScoreTile scores = ScoreTile.of(keys, scratch);
    for (int row = 0; row < part.rows(); row++) {
      if (scores.load(row)) {
        exponentiate(scores, slot(part.head(row), part.token(row)), scratch.exponentials);
      }
      scores.store();
    }
    int width = part.rows() * headDim;
    Blas.times(
        scratch.scores.pointer(),
        scratch.values.pointer(),
        scratch.mixed.reserve(width).pointer(),
        part.rows(),
        headDim,
        keys.size());
    float[] products = scratch.narrow(width);
    scratch.mixed.read(0, products, 0, width);
    for (int row = 0; row < part.rows(); row++) {
      int at = slot(part.head(row), part.token(row)) * headDim;
      for (int d = 0; d < headDim; d++) {
        mixed[at + d] += products[row * headDim + d];
      }
    }
  }

  private void exponentiate(ScoreTile scores, int slot, Exponentials exponentials) {
    float[] logits = scores.logits();
    float max = Math.max(largest[slot], Exponentials.max(logits, scores.from(), scores.to()));
    if (max > largest[slot]) {
      float factor = (float) Math.exp((double) largest[slot] - max);
      sums[slot] *= factor;
      for (int d = slot * headDim; d < (slot + 1) * headDim; d++) {
        mixed[d] *= factor;
      }
      largest[slot] = max;
    } else if (max == Float.NEGATIVE_INFINITY) {
      // logits of -∞ weigh nothing; a NaN must not be taken for one
      max = 0;
    }
    sums[slot] += exponentials.apply(logits, scores.from(), scores.to(), max);
    scores.zeroMasked();
  }

  /** Whether a result is not a number, for example because a masked value was not finite. */
  boolean hasNan() {
    for (int i = 0; i < mixed.length; i++) {
      if (Float.isNaN(mixed[i])) {
        return true;
      }
    }
    return false;
  }

  /** Writes the headDim results of a slot; zeros if the query saw nothing. */
  void result(int slot, float[] target, int offset) {
    float factor = sums[slot] == 0 ? 0 : 1 / sums[slot];
    for (int d = 0; d < headDim; d++) {
      target[offset + d] = mixed[slot * headDim + d] * factor;
    }
  }

  /** Log of the sum of the exponentials of all logits seen; -∞ if there was none. */
  double logSumExp(int slot) {
    return largest[slot] + Math.log(sums[slot]);
  }
}
