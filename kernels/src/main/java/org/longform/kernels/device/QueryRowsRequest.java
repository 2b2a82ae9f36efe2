package org.longform.kernels.device;

import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.tensor.Tensor;

/**
 * Few queries of a block of T, each for itself. Row t of the block is token {@code cache.end() - T
 * + t}.
 *
 * @param queries (T, H*D) before rotation
 * @param cache keys, the block's own included
 * @param plan what the queries may see
 * @param encoding how positions act where the plan does not say otherwise
 * @param scale factor on q·k, usually 1/sqrt(D)
 * @param softCap as in {@link AttendRequest}
 * @param asking which rows of the block are meant, by document index
 */
public record QueryRowsRequest(
    Tensor queries,
    KvView cache,
    AttentionPlan plan,
    PositionEncoding encoding,
    double scale,
    double softCap,
    QueryRange asking) {

  /** Logits as they are. */
  public QueryRowsRequest(
      Tensor queries,
      KvView cache,
      AttentionPlan plan,
      PositionEncoding encoding,
      double scale,
      QueryRange asking) {
    this(queries, cache, plan, encoding, scale, 0, asking);
  }

  /** A logit as the softmax gets it. */
  double capped(double logit) {
    return softCap > 0 ? softCap * Math.tanh(logit / softCap) : logit;
  }

  /** How positions act: as the plan says, or else the model. */
  @Override
  public PositionEncoding encoding() {
    return plan.encoding().orElse(encoding);
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
