package org.longform.kernels.context;

import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.Rows;

/**
 * STRING: distances from S on are seen as if they began at W, so that the largest ones, which a
 * model met least often in its training, are never used. Distance d below S stays d, any other is
 * {@code d - S + W}.
 *
 * <p>Which of both it is depends on the two tokens alone, so neither the blocks nor the length of
 * the document matter.
 */
final class ShiftedRotary implements ContextStrategy {
  static final ContextFactory FACTORY = new ShiftedRotaryFactory();

  /**
   * The parameters in use.
   *
   * @param offset S, at least 1
   * @param local W, at most S
   * @param logitFactor on all logits
   * @param chunk tokens of a block
   */
  record Settings(long offset, long local, double logitFactor, int chunk) {}

  private final Settings settings;

  ShiftedRotary(Settings settings) {
    this.settings = settings;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    return settings.chunk;
  }

  @Override
  public int questionChunk() {
    return settings.chunk;
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    Rows held = request.cache().held();
    long end = request.cache().end();
    Segment near =
        segment(
            held.clip(request.firstRow() - settings.offset + 1, end),
            new QueryPositions.True(),
            new Band.Near(settings.offset));
    Rows shifted = held.clip(0, end - settings.offset);
    if (shifted.isEmpty()) {
      return AttentionPlan.of(near);
    }
    // keys stay where they are: it is the query that comes nearer
    Segment far =
        segment(
            shifted,
            new QueryPositions.Shifted((double) settings.local - settings.offset),
            new Band.Far(settings.offset));
    return AttentionPlan.of(near, far);
  }

  private Segment segment(Rows rows, QueryPositions queries, Band band) {
    return Segment.of(rows, new KeyPositions.True(), queries, band)
        .withLogitScale(settings.logitFactor);
  }

  @Override
  public boolean mayBranch() {
    return true;
  }
}
