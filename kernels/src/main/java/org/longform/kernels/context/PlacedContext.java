package org.longform.kernels.context;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.Rows;

/**
 * Full attention to everything that is cached, where the first tokens stand at positions of their
 * own, which may have gaps or overlap; tokens behind them go on from the last one's position. No
 * choice of users: readings that put such a cache together continue with it.
 */
public final class PlacedContext implements ContextStrategy {
  private static final int CHUNK = 128;

  private final double[] positions;
  private final KeyPositions.Listed keys;
  private final QueryPositions.Listed queries;

  /**
   * @param positions of the first tokens, at least one
   */
  public PlacedContext(double[] positions) {
    this.positions = positions.clone();
    this.keys = new KeyPositions.Listed(0, this.positions);
    this.queries = new QueryPositions.Listed(0, this.positions);
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
    long placed = positions.length;
    long end = request.cache().end();
    Rows held = request.cache().held();
    List<Segment> segments = new ArrayList<>();
    if (request.firstRow() < placed) {
      segments.add(
          Segment.of(held.clip(0, placed), keys, queries(request.firstRow()), new Band.Causal())
              .forQueries(new QueryRange(0, placed)));
    }
    if (end > placed) {
      QueryRange later = new QueryRange(placed, Long.MAX_VALUE);
      double shift = positions[positions.length - 1] + 1 - placed;
      segments.add(
          Segment.of(
                  held.clip(0, placed), keys, new QueryPositions.Shifted(shift), new Band.Causal())
              .forQueries(later));
      // among themselves they stand at their true distances
      segments.add(
          Segment.of(
                  held.clip(placed, end),
                  new KeyPositions.True(),
                  new QueryPositions.True(),
                  new Band.Causal())
              .forQueries(later));
    }
    return new AttentionPlan(segments);
  }

  /** Those of the block that is read: a list as long as the cache is not sent along for them. */
  private QueryPositions queries(long firstRow) {
    return firstRow == 0
        ? queries
        : new QueryPositions.Listed(
            firstRow, Arrays.copyOfRange(positions, Math.toIntExact(firstRow), positions.length));
  }
}
