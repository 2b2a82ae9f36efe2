package org.longform.kernels.context;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.QueryGain;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.Rows;

/**
 * Mesa-Extrapolation: the middle of a document is read in chunks that see the first chunk and
 * themselves, side by side within the trained window; the last chunk, question and answer see
 * everything, the far part at positions that many neighbours share (Stair PE).
 *
 * <p>The stairs lead down from an anchor n0: token i before it stands at {@code n0 - 1 - floor((n0
 * - 1 - i) / E)}, every other where it is. The anchor is F tokens before the last chunk, and moves
 * on by half a chunk's width whenever a token would see more than that width behind it in a
 * straight line. So the straight part never vanishes, and the stairs depend on the token alone.
 */
final class Mesa implements ContextStrategy {
  static final ContextFactory FACTORY = new MesaFactory();

  /**
   * The parameters in use.
   *
   * @param sizes how a document is cut
   * @param stride tokens that share a position, E
   * @param gain on queries of the last chunk
   * @param chunk tokens of a block
   */
  record Settings(MesaSplit.Sizes sizes, long stride, Gain gain, int chunk) {}

  /** What a query is multiplied with. */
  enum Gain {
    LOG_LENGTH,
    NONE
  }

  private final Settings settings;
  // told with the first block; negative if unknown
  private long documentTokens;

  Mesa(Settings settings) {
    this(settings, -1);
  }

  private Mesa(Settings settings, long documentTokens) {
    this.settings = settings;
    this.documentTokens = documentTokens;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    documentTokens = promptTokens;
    return (int) Math.min(settings.chunk, split().end(read) - read);
  }

  @Override
  public boolean dependsOnDocumentLength() {
    return true;
  }

  @Override
  public int questionChunk() {
    return settings.chunk;
  }

  private MesaSplit split() {
    return settings.sizes.of(documentTokens);
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    MesaSplit split = split();
    long end = request.cache().end();
    List<Segment> segments = new ArrayList<>();
    for (long row = request.firstRow(); row < end; row = Math.min(end, split.end(row))) {
      if (row < split.lastStart()) {
        addMiddle(segments, request.cache().held(), split, row);
      } else {
        addLast(segments, request.cache().held(), split, row, end);
      }
    }
    AttentionPlan plan = new AttentionPlan(segments);
    return settings.gain == Gain.NONE || end <= split.lastStart()
        ? plan
        : plan.withGain(new QueryGain.LogLength(settings.sizes.trainLength(), split.lastStart()));
  }

  /** The first chunk, or a middle one behind it without a gap. */
  private static void addMiddle(List<Segment> segments, Rows held, MesaSplit split, long row) {
    QueryRange own = new QueryRange(split.start(row), split.end(row));
    segments.add(straight(held.clip(own.from(), own.to()), own));
    if (own.from() > 0) {
      segments.add(
          Segment.of(
                  held.clip(0, split.first()),
                  new KeyPositions.True(),
                  new QueryPositions.Shifted((double) split.first() - own.from()),
                  new Band.Causal())
              .forQueries(own));
    }
  }

  private void addLast(List<Segment> segments, Rows held, MesaSplit split, long first, long end) {
    long bent = firstBent(split);
    if (first < bent) {
      segments.add(straight(held, new QueryRange(split.lastStart(), bent)));
    }
    Anchors anchors = anchors(split, bent);
    for (long row = Math.max(first, bent); row < end; row = anchors.end(row)) {
      QueryRange alike = new QueryRange(Math.max(bent, anchors.start(row)), anchors.end(row));
      long anchor = anchors.at(row);
      segments.add(straight(held.clip(anchor, end), alike));
      Rows far = held.clip(0, anchor);
      if (!far.isEmpty()) {
        segments.add(
            Segment.of(
                    far,
                    new KeyPositions.Strided(anchor - settings.stride, anchor - 1, settings.stride),
                    new QueryPositions.True(),
                    new Band.Causal())
                .forQueries(alike));
      }
    }
  }

  private static Segment straight(Rows rows, QueryRange queries) {
    return Segment.of(rows, new KeyPositions.True(), new QueryPositions.True(), new Band.Causal())
        .forQueries(queries);
  }

  /** First row of the last chunk that sees stairs: all of them, if the document needs any. */
  private long firstBent(MesaSplit split) {
    long trained = settings.sizes.trainLength();
    return !split.isWhole() && documentTokens > trained
        ? split.lastStart()
        : Math.max(trained, split.lastStart());
  }

  private Anchors anchors(MesaSplit split, long bent) {
    long step = Math.max(1, split.width() / 2);
    long first =
        split.isWhole()
            ? bent - (split.width() - step)
            : Math.max(0, split.lastStart() - split.first());
    return new Anchors(first, Math.max(split.width(), split.first() + 1), step);
  }

  /**
   * Where the stairs end for each row.
   *
   * @param first the anchor of the first rows
   * @param longest tokens that are seen in a straight line at most
   * @param step by which the anchor moves on
   */
  private record Anchors(long first, long longest, long step) {
    private long moves(long row) {
      return row - first < longest ? 0 : (row - first - longest) / step + 1;
    }

    long at(long row) {
      return first + moves(row) * step;
    }

    /** First row with the same anchor. */
    long start(long row) {
      long moves = moves(row);
      return moves == 0 ? first : first + longest + (moves - 1) * step;
    }

    /** One past the last row with the same anchor. */
    long end(long row) {
      return first + longest + moves(row) * step;
    }
  }

  @Override
  public ContextStrategy fork() {
    return new Mesa(settings, documentTokens);
  }

  @Override
  public boolean mayBranch() {
    return true;
  }
}
