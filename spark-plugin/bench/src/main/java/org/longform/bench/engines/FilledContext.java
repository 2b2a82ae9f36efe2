package org.longform.bench.engines;

import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.context.PlanRequest;

/**
 * Full attention behind a cache that was filled cheaply: until told otherwise a block sees itself
 * alone, and everything is retained. What a step at a depth costs does not depend on how the keys
 * came about, so a depth is reached at the speed of an empty cache.
 */
final class FilledContext implements ContextStrategy {
  private static final int CHUNK = 512;

  private boolean filling = true;

  /** From now on every token sees all earlier ones. */
  void filled() {
    filling = false;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    return CHUNK;
  }

  @Override
  public int questionChunk() {
    return CHUNK;
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    Rows rows =
        filling
            ? request.cache().held().clip(request.firstRow(), request.cache().end())
            : request.cache().held();
    return AttentionPlan.of(
        Segment.of(rows, new KeyPositions.True(), new QueryPositions.True(), new Band.Causal()));
  }

  @Override
  public ContextStrategy fork() {
    FilledContext fork = new FilledContext();
    fork.filling = filling;
    return fork;
  }
}
