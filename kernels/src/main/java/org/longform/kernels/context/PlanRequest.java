package org.longform.kernels.context;

import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.tensor.Tensor;

/**
 * What a strategy may look at to plan one block in one layer.
 *
 * @param layer index of the layer, from 0
 * @param queries (T, H*D) before rotation; row t is token {@code cache.end() - T + t}
 * @param cache the layer's keys and values, the block included
 * @param encoding how the model's positions act
 * @param kernels the device, for selections such as {@link Kernels#topKeys}
 */
public record PlanRequest(
    int layer, Tensor queries, KvView cache, PositionEncoding encoding, Kernels kernels) {

  /** T. */
  public int tokens() {
    return Math.toIntExact(queries.rows());
  }

  /** Document index of the first row of the block. */
  public long firstRow() {
    return cache.end() - queries.rows();
  }
}
