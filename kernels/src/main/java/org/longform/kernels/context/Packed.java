package org.longform.kernels.context;

import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.Rows;

/** Plans in which all that is seen stands at consecutive positions, the block's own tokens last. */
final class Packed {
  private Packed() {}

  /**
   * @param rows what is seen, in as many lists as one likes, all equally long, the block at the end
   * @param end one past the newest token
   */
  static AttentionPlan plan(Rows rows, long end) {
    return AttentionPlan.of(
        Segment.of(
            rows,
            new KeyPositions.Contiguous(0),
            new QueryPositions.Packed(rows, end),
            new Band.Causal()));
  }
}
