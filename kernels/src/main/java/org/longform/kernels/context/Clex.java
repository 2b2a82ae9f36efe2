package org.longform.kernels.context;

import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * CLEX: rotary frequencies that follow from how many times its trained window a document is long.
 *
 * <p>Factor t is the length over the window, rounded up, at most a largest one; at t = 1 everything
 * is as the model has it. Keys are cached before rotation, so when t grows all of them are turned
 * anew.
 */
final class Clex implements ContextStrategy {
  static final ContextFactory FACTORY = new ClexFactory();

  /** Which length decides. */
  enum Length {
    /** That of the whole document, from its first token on, or what was read if that is more. */
    DOCUMENT,
    /** What was read so far. */
    READ
  }

  /** The frequencies for a factor, from those the model has. */
  interface Frequencies {
    double[] of(PositionEncoding.Rope model, int factor);
  }

  /**
   * The parameters in use.
   *
   * @param window tokens of one factor
   * @param most largest factor
   * @param length which length decides
   * @param chunk tokens of a block
   */
  record Settings(long window, int most, Length length, int chunk) {}

  private final Settings settings;
  private final Frequencies frequencies;
  // told with the first block; negative if unknown
  private long documentTokens;

  Clex(Settings settings, Frequencies frequencies) {
    this(settings, frequencies, -1);
  }

  private Clex(Settings settings, Frequencies frequencies, long documentTokens) {
    this.settings = settings;
    this.frequencies = frequencies;
    this.documentTokens = documentTokens;
  }

  /** No block crosses a multiple of the window, so that its tokens have one factor in any case. */
  @Override
  public int nextChunk(long read, long promptTokens) {
    documentTokens = settings.length == Length.DOCUMENT ? promptTokens : -1;
    return (int) Math.min(settings.chunk, settings.window - read % settings.window);
  }

  @Override
  public boolean dependsOnDocumentLength() {
    return settings.length == Length.DOCUMENT;
  }

  @Override
  public int questionChunk() {
    return settings.chunk;
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    AttentionPlan plan =
        AttentionPlan.of(
            Segment.of(
                request.cache().held(),
                new KeyPositions.True(),
                new QueryPositions.True(),
                new Band.Causal()));
    int factor = factor(Math.max(documentTokens, request.cache().end()));
    if (factor == 1) {
      return plan;
    }
    if (!(request.encoding() instanceof PositionEncoding.Rope model)) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use context 'clex': the model rotates nothing, so that no frequencies can change (factor %d). Use another context."
              .formatted(factor));
    }
    // a layer without any positions stays so
    return model.pairs() == 0
        ? plan
        : plan.withEncoding(
            new PositionEncoding.Rope(
                frequencies.of(model, factor), model.attentionFactor(), model.layout()));
  }

  private int factor(long tokens) {
    return (int) Math.min(settings.most, (tokens + settings.window - 1) / settings.window);
  }

  @Override
  public ContextStrategy fork() {
    return new Clex(settings, frequencies, documentTokens);
  }

  @Override
  public boolean mayBranch() {
    return true;
  }
}
