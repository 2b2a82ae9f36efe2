package org.longform.kernels.device;

import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.tensor.Tensor;

/**
 * One layer's attention of a block of T queries with H heads of D dimensions. Row t of the block is
 * token {@code cache.end() - T + t}.
 *
 * @param queries (T, H*D) before rotation
 * @param cache keys and values, the block's own included
 * @param plan what is attended to
 * @param encoding how positions act where the plan does not say otherwise
 * @param scale factor on q·k, usually 1/sqrt(D)
 * @param softCap logits, with all their factors, become {@code cap * tanh(logit / cap)}; 0 leaves
 *     them
 * @param out (T, H*D), overwritten; a query that sees no key gets zeros
 * @param taps what to report beside the output
 */
public record AttendRequest(
    Tensor queries,
    KvView cache,
    AttentionPlan plan,
    PositionEncoding encoding,
    double scale,
    double softCap,
    Tensor out,
    AttendTaps taps) {

  /** Logits as they are. */
  public AttendRequest(
      Tensor queries,
      KvView cache,
      AttentionPlan plan,
      PositionEncoding encoding,
      double scale,
      Tensor out,
      AttendTaps taps) {
    this(queries, cache, plan, encoding, scale, 0, out, taps);
  }

  /** A logit as the softmax gets it. */
  public double capped(double logit) {
    return softCap > 0 ? softCap * Math.tanh(logit / softCap) : logit;
  }

  /** How positions act: as the plan says, or else the model. */
  @Override
  public PositionEncoding encoding() {
    return plan.encoding().orElse(encoding);
  }

  /** T. */
  public int tokens() {
    return Math.toIntExact(queries.rows());
  }

  /** H. */
  public int heads() {
    return Math.toIntExact(queries.shape().rowElements() / cache.headDim());
  }

  /** Document index of the first row of the block. */
  public long firstRow() {
    return cache.end() - queries.rows();
  }
}
