package org.longform.kernels.context;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.Rows;

/**
 * The first G tokens (sinks) and the last W, at positions 0 to G+W-1 without a gap.
 *
 * <p>The positions are those of a cache that is packed for each single token: a query with a full
 * window stands at G+W-1, its sinks at 0 to G-1. Stated as distances that is independent of how the
 * text is cut into blocks: true ones inside the window, {@code G+W-1-j} to sink j.
 */
final class Streaming implements ContextStrategy {
  static final ContextFactory FACTORY = new Factory();

  private final long global;
  private final long local;
  private final int chunk;

  private Streaming(long global, long local, int chunk) {
    this.global = global;
    this.local = local;
    this.chunk = chunk;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    return chunk;
  }

  @Override
  public int questionChunk() {
    return chunk;
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    Rows held = request.cache().held();
    long first = request.firstRow();
    long end = request.cache().end();
    // a query before this row has lost no token yet
    long full = global + local;
    if (end <= full) {
      return AttentionPlan.of(everything(held));
    }
    List<Segment> segments = new ArrayList<>();
    if (first < full) {
      segments.add(everything(held.clip(0, full)).forQueries(new QueryRange(0, full)));
    }
    QueryRange later = new QueryRange(full, Long.MAX_VALUE);
    if (global > 0) {
      segments.add(
          Segment.of(
                  held.clip(0, global),
                  new KeyPositions.Contiguous(0),
                  new QueryPositions.Constant(full - 1),
                  new Band.Causal())
              .forQueries(later));
    }
    segments.add(
        Segment.of(
                held.clip(Math.max(first, full) - local + 1, end),
                new KeyPositions.True(),
                new QueryPositions.True(),
                new Band.Near(local))
            .forQueries(later));
    return new AttentionPlan(segments);
  }

  private static Segment everything(Rows rows) {
    return Segment.of(rows, new KeyPositions.True(), new QueryPositions.True(), new Band.Causal());
  }

  @Override
  public Rows retain(Rows held, long length) {
    return Rows.builder()
        .range(0, Math.min(global, length))
        .range(Math.max(global, length - local + 1), length)
        .build();
  }

  @Override
  public boolean resumable() {
    return true;
  }

  @Override
  public OptionalLong mostTokensHeld() {
    return OptionalLong.of(global + local - 1 + chunk);
  }

  @Override
  public boolean mayBranch() {
    return true;
  }

  private static final class Factory implements ContextFactory {
    @Override
    public String name() {
      return "streaming";
    }

    @Override
    public String description() {
      return "Every token sees the first few tokens (attention sinks) and a sliding window of the newest ones; all else is "
          + "forgotten. Positions count within the cache, so no distance exceeds the trained window. Text stays fluent "
          + "without end, facts outside the window are lost.";
    }

    @Override
    public String whenToUse() {
      return "To follow text without end at the lowest cost, where only the newest part matters.";
    }

    @Override
    public String cost() {
      return "Time grows linearly with the length and is constant for each token. Memory is constant: global-size, "
          + "local-size and one block.";
    }

    @Override
    public String notCopied() {
      return "The published code evicts tokens before each block, so that what a token of a block sees depends on how the "
          + "text was cut. Here each token sees what it would see alone.";
    }

    @Override
    public String source() {
      return "Xiao et al. 2024, Efficient Streaming Language Models with Attention Sinks (arXiv 2309.17453)";
    }

    @Override
    public List<Parameter> parameters() {
      return List.of(
          Parameter.integer(
              "global-size",
              "Tokens at the beginning of the document that are always seen.",
              "4 (a 32nd of the trained window, if that is less)",
              Factory::defaultGlobal,
              0),
          Parameter.integer(
              "local-size",
              "Newest tokens that are seen, the token itself included.",
              "the trained window without the global tokens",
              limits -> limits.trainedWindow() - defaultGlobal(limits),
              1),
          Parameter.integer(
              "chunk-size",
              "Tokens of the document read as one block; it changes the speed only.",
              "128",
              limits -> 128L,
              1));
    }

    private static long defaultGlobal(ModelLimits limits) {
      return Math.min(4, limits.trainedWindow() / 32);
    }

    @Override
    public Set<Promise> promises() {
      return Set.of(
          Promise.FULL_WHEN_SHORT,
          Promise.WITHIN_WINDOW,
          Promise.CHUNK_INVARIANT,
          Promise.PREFIX_STABLE,
          Promise.BOUNDED_MEMORY);
    }

    @Override
    public ContextStrategy create(ParameterValues values, ModelLimits limits) {
      long global = values.integer("global-size");
      long local = values.integer("local-size");
      new Combination(name())
          .require(
              global + local <= limits.trainedWindow(),
              "global-size %d and local-size %d together exceed the %d tokens the model was trained on. Lower one of them.",
              global,
              local,
              limits.trainedWindow());
      return new Streaming(global, local, Math.toIntExact(values.integer("chunk-size")));
    }
  }
}
