package org.longform.kernels.context;

import java.util.List;
import java.util.Set;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.Segment;

/** Ordinary causal attention over everything read so far. */
final class FullContext implements ContextStrategy {
  static final ContextFactory FACTORY = new Factory();

  private final int chunk;

  private FullContext(int chunk) {
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
    return AttentionPlan.of(
        Segment.of(
            request.cache().held(),
            new KeyPositions.True(),
            new QueryPositions.True(),
            new Band.Causal()));
  }

  @Override
  public boolean mayBranch() {
    return true;
  }

  private static final class Factory implements ContextFactory {
    private static final Parameter CHUNK_SIZE =
        Parameter.integer(
            "chunk-size", "Tokens of the document read as one block.", "128", limits -> 128L, 1);

    @Override
    public String name() {
      return "full";
    }

    @Override
    public String description() {
      return "Every token sees every earlier one, at its true distance. Nothing is left out and nothing is forgotten. "
          + "Inside the trained window this is what the model was trained for; beyond it distances appear that it never "
          + "saw, and quality collapses.";
    }

    @Override
    public String whenToUse() {
      return "For documents inside the trained window, and as the measure for all others there.";
    }

    @Override
    public String cost() {
      return "Time grows with the square of the length, that of one generated token with the length. Memory grows with "
          + "the length.";
    }

    @Override
    public String notCopied() {
      return "Nothing: it is the attention that the models were published with.";
    }

    @Override
    public String source() {
      return "Vaswani et al. 2017, Attention Is All You Need";
    }

    @Override
    public List<Parameter> parameters() {
      return List.of(CHUNK_SIZE);
    }

    @Override
    public Set<Promise> promises() {
      return Set.of(Promise.FULL_WHEN_SHORT, Promise.CHUNK_INVARIANT, Promise.PREFIX_STABLE);
    }

    @Override
    public ContextStrategy create(ParameterValues values, ModelLimits limits) {
      return new FullContext(Math.toIntExact(values.integer("chunk-size")));
    }
  }
}
