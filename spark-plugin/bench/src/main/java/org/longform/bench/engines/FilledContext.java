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
 * Any strategy behind a cache that was filled cheaply: while it is filled a block sees itself
 * alone, and everything is retained. What a step at a depth costs does not depend on how the keys
 * came about, so a depth is reached at the speed of an empty cache. For strategies that remember
 * nothing of what they planned ({@link ContextStrategy#mayBranch}).
 */
public final class FilledContext implements ContextStrategy {
  /** Tokens of a block while the cache is filled. */
  public static final int CHUNK = 512;

  private static final ContextStrategy FILLING = new BlockAlone();

  private ContextStrategy now = FILLING;

  /** From now on, and in forks made from now on, tokens see what the strategy lets them. */
  public void then(ContextStrategy strategy) {
    now = strategy;
  }

  /** From now on a block sees itself alone again. */
  public void fill() {
    now = FILLING;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    return now.nextChunk(read, promptTokens);
  }

  @Override
  public int questionChunk() {
    return now.questionChunk();
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    return now.plan(request);
  }

  @Override
  public Rows retain(Rows held, long length) {
    return now.retain(held, length);
  }

  @Override
  public ContextStrategy fork() {
    FilledContext fork = new FilledContext();
    fork.now = now.fork();
    return fork;
  }

  private static final class BlockAlone implements ContextStrategy {
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
      Rows block = request.cache().held().clip(request.firstRow(), request.cache().end());
      return AttentionPlan.of(
          Segment.of(block, new KeyPositions.True(), new QueryPositions.True(), new Band.Causal()));
    }
  }
}
