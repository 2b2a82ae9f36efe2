package org.longform.kernels.context;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;

/**
 * A Λ-shaped mask with a ceiling on distances: the last L tokens at their true distance, and the
 * first G, none of them further away than the ceiling (L as published).
 *
 * <p>Optionally the last query of a block also sees, for each query head, the k tokens between that
 * match it best, all at one distance.
 */
final class LmInfinite implements ContextStrategy {
  static final ContextFactory FACTORY = new LmInfiniteFactory();

  /**
   * The parameters in use.
   *
   * @param global G
   * @param local L
   * @param ceiling largest distance to a global token, at least L
   * @param chunk tokens of a document block
   * @param questionChunk tokens of a question block
   * @param middle the tokens between
   */
  record Settings(
      long global, long local, long ceiling, int chunk, int questionChunk, Middle middle) {}

  /**
   * @param topK tokens for each query head, 0 for none
   * @param insertAt the distance at which they are seen
   * @param fromLayer first layer that sees them
   * @param toLayer one past the last such layer
   */
  record Middle(int topK, long insertAt, long fromLayer, long toLayer) {
    boolean used() {
      return topK > 0 && fromLayer < toLayer;
    }

    boolean usedIn(int layer) {
      return topK > 0 && layer >= fromLayer && layer < toLayer;
    }
  }

  private final Settings settings;

  LmInfinite(Settings settings) {
    this.settings = settings;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    return settings.chunk;
  }

  @Override
  public int questionChunk() {
    return settings.middle.used() ? settings.questionChunk : settings.chunk;
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    List<Segment> segments = new ArrayList<>();
    Rows held = request.cache().held();
    long end = request.cache().end();
    long ceiling = settings.ceiling;
    long localStart = request.firstRow() - settings.local + 1;
    if (ceiling > settings.local) {
      Rows sinks = held.clip(request.firstRow() - ceiling + 1, Math.min(settings.global, end));
      addNear(segments, sinks, ceiling);
      localStart = Math.max(localStart, settings.global);
    }
    addNear(segments, held.clip(localStart, end), settings.local);
    Rows far = held.clip(0, Math.min(settings.global, end - ceiling));
    if (!far.isEmpty()) {
      segments.add(
          Segment.of(
              far,
              new KeyPositions.Constant(0),
              new QueryPositions.Constant(ceiling),
              new Band.Far(ceiling)));
    }
    if (settings.middle.usedIn(request.layer())) {
      addBestOfMiddle(segments, request);
    }
    return new AttentionPlan(segments);
  }

  private static void addNear(List<Segment> segments, Rows rows, long width) {
    if (!rows.isEmpty()) {
      segments.add(
          Segment.of(
              rows, new KeyPositions.True(), new QueryPositions.True(), new Band.Near(width)));
    }
  }

  /** Only the last query asks: selecting for each of them would cost as much as full attention. */
  private void addBestOfMiddle(List<Segment> segments, PlanRequest request) {
    Middle middle = settings.middle;
    long last = request.cache().end() - 1;
    long to = last - settings.local + 1;
    if (to - settings.global < middle.topK) {
      return;
    }
    QueryRange asking = new QueryRange(last, last + 1);
    TopKeysRequest.Scoring atOneDistance =
        new TopKeysRequest.Scoring(
            new TopKeysRequest.QueryTurn(request.encoding(), middle.insertAt),
            TopKeysRequest.Pairing.GROUP,
            TopKeysRequest.KeyNorm.NONE,
            1);
    TopKeys best =
        request
            .kernels()
            .topKeys(
                new TopKeysRequest(
                    request.queries(),
                    request.cache(),
                    settings.global,
                    to,
                    asking,
                    middle.topK,
                    atOneDistance));
    segments.add(
        Segment.of(
                rowsOfEachHead(best),
                new KeyPositions.Constant(0),
                new QueryPositions.Constant(middle.insertAt),
                new Band.Causal())
            .forQueries(asking));
  }

  private static Rows rowsOfEachHead(TopKeys best) {
    Rows.Builder rows = Rows.builder();
    for (int head = 0; head < best.heads(); head++) {
      long[] own = Arrays.copyOfRange(best.rows(), head * best.k(), (head + 1) * best.k());
      Arrays.sort(own);
      rows.group(own);
    }
    return rows.build();
  }

  @Override
  public Rows retain(Rows held, long length) {
    if (settings.middle.used()) {
      return held;
    }
    // the next token is itself one of the L local ones
    return Rows.builder()
        .range(0, Math.min(settings.global, length))
        .range(Math.max(settings.global, length - settings.local + 1), length)
        .build();
  }

  @Override
  public boolean resumable() {
    return !settings.middle.used();
  }

  @Override
  public OptionalLong mostTokensHeld() {
    return settings.middle.used()
        ? OptionalLong.empty()
        : OptionalLong.of(settings.global + settings.local - 1 + settings.chunk);
  }

  @Override
  public boolean mayBranch() {
    return true;
  }
}
