package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.tensor.Tensor;

/** The way from the residual stream to scores for the next token. */
final class Head {
  // logits of so many rows are in memory at once: 32 rows of 128k ids take 16 MiB
  private static final int ROWS_AT_ONCE = 32;

  private final Decoder decoder;

  Head(Decoder decoder) {
    this.decoder = decoder;
  }

  /** For each row of {@code hidden} (T, M) the V logits that follow it; for few rows at once. */
  List<float[]> logits(Tensor hidden) {
    List<float[]> rows = new ArrayList<>();
    try (Tensor logits = compute(hidden)) {
      for (long row = 0; row < hidden.rows(); row++) {
        rows.add(logits.rows(row, 1).toArray());
      }
    }
    return rows;
  }

  /**
   * {@code -ln p} of tokens in nats: {@code ids[t]} is predicted by the row before it.
   *
   * @param before (1, M), the row that predicts the first token; null if nothing does, then the
   *     first token is left out
   * @param hidden (T, M)
   * @return T values, or T-1 without {@code before}
   */
  double[] surprises(Tensor before, Tensor hidden, int[] ids) {
    int unpredicted = before == null ? 1 : 0;
    double[] surprises = new double[ids.length - unpredicted];
    if (before != null) {
      into(surprises, 0, before, ids, 0);
    }
    for (int t = 1; t < ids.length; t += ROWS_AT_ONCE) {
      int rows = Math.min(ROWS_AT_ONCE, ids.length - t);
      into(surprises, t - unpredicted, hidden.rows(t - 1L, rows), ids, t);
    }
    return surprises;
  }

  private void into(double[] surprises, int at, Tensor hidden, int[] ids, int firstId) {
    float[] row = new float[decoder.spec().vocabulary()];
    try (Tensor logits = compute(hidden)) {
      for (int r = 0; r < hidden.rows(); r++) {
        logits.read((long) r * row.length, row);
        surprises[at + r] = surprise(row, ids[firstId + r]);
      }
    }
  }

  /** {@code -ln p} of a token in nats, by the logits before it. */
  static double surprise(float[] logits, int id) {
    return logSumExp(logits) - logits[id];
  }

  private static double logSumExp(float[] logits) {
    double max = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - max);
    }
    return max + Math.log(sum);
  }

  /** (T, V) logits of (T, M) rows; the caller closes them. */
  private Tensor compute(Tensor hidden) {
    DecoderSpec spec = decoder.spec();
    Kernels kernels = decoder.kernels();
    Tensor logits = Tensor.allocate(hidden.rows(), spec.vocabulary());
    try (Tensor normed = Tensor.allocate(hidden.rows(), spec.hidden())) {
      new Norms(spec, kernels).apply(decoder.weights().finalNorm(), hidden, normed);
      FeedForward.project(kernels, normed, List.of(decoder.weights().head()), List.of(logits));
      if (spec.design().scales().logits() != 1) {
        kernels.scale(logits, spec.design().scales().logits());
      }
      if (spec.design().softCaps().logits() > 0) {
        kernels.softCap(logits, spec.design().softCaps().logits());
      }
      return logits;
    } catch (Throwable e) {
      logits.close();
      throw e;
    }
  }
}
