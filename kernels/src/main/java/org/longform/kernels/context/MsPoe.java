package org.longform.kernels.context;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.HeadScales;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.Segment;

/**
 * Ms-PoE: every head divides all positions by a number of its own, the least for the heads that
 * tell places apart best, and so looks at the document on a scale of its own.
 *
 * <p>How well a head tells places apart is measured with the last token of a block before the block
 * attends, as published for the whole prompt. A block of one token, as every generated one is,
 * keeps what the block before it found. So a prompt that is one block is read as published; a
 * longer document is read with what the end of each block finds; and the last block of the
 * question, from a fork of the document, decides for the answer. Keys are cached before rotation,
 * so another divisor does to them what it would have done from the beginning. Until the first block
 * of several tokens all heads divide by the mean.
 */
final class MsPoe implements ContextStrategy {
  static final ContextFactory FACTORY = new MsPoeFactory();

  /**
   * The parameters in use.
   *
   * @param least divisor of the head that is most aware of places
   * @param most divisor of the head that is least aware of them
   * @param outlier how many times the mean a probability must be to count
   * @param firstLayer layers before it have positions as the model has them
   * @param chunk tokens of a document block
   * @param questionChunk tokens of a question block
   */
  record Settings(
      double least, double most, double outlier, long firstLayer, int chunk, int questionChunk) {}

  private final Settings settings;
  // by layer: what the last block of several tokens found
  private final Map<Integer, HeadScales> found = new HashMap<>();

  MsPoe(Settings settings) {
    this.settings = settings;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    return settings.chunk;
  }

  @Override
  public int questionChunk() {
    return settings.questionChunk;
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    Segment all =
        Segment.of(
            request.cache().held(),
            new KeyPositions.True(),
            new QueryPositions.True(),
            new Band.Causal());
    return AttentionPlan.of(
        request.layer() < settings.firstLayer ? all : all.withHeadScales(scales(request)));
  }

  private HeadScales scales(PlanRequest request) {
    if (settings.least == settings.most) {
      return uniform(request);
    }
    if (request.tokens() > 1) {
      found.put(request.layer(), measured(request));
    }
    HeadScales known = found.get(request.layer());
    return known == null ? uniform(request) : known;
  }

  private HeadScales uniform(PlanRequest request) {
    double[] scales = new double[PositionAwareness.heads(request)];
    Arrays.fill(scales, 2 / (settings.least + settings.most));
    return HeadScales.of(scales);
  }

  private HeadScales measured(PlanRequest request) {
    double[] divisors = ranked(PositionAwareness.ofGroups(request, settings.outlier));
    double[] scales = new double[PositionAwareness.heads(request)];
    for (int head = 0; head < scales.length; head++) {
      scales[head] = 1 / divisors[(int) ((long) head * divisors.length / scales.length)];
    }
    return HeadScales.of(scales);
  }

  /** The divisor of each group: a linear table dealt out by falling score, of equals in order. */
  private double[] ranked(double[] scores) {
    int groups = scores.length;
    if (groups == 1) {
      // nobody to share the table with
      return new double[] {(settings.least + settings.most) / 2};
    }
    double[] divisors = new double[groups];
    for (int group = 0; group < groups; group++) {
      int rank = 0;
      for (int other = 0; other < groups; other++) {
        boolean earlier = other < group && scores[other] == scores[group];
        rank += scores[other] > scores[group] || earlier ? 1 : 0;
      }
      divisors[group] = settings.least + rank * (settings.most - settings.least) / (groups - 1);
    }
    return divisors;
  }

  @Override
  public ContextStrategy fork() {
    MsPoe fork = new MsPoe(settings);
    fork.found.putAll(found);
    return fork;
  }

  @Override
  public boolean mayBranch() {
    return true;
  }
}
