package org.longform.kernels.attention;

import java.util.List;
import java.util.Optional;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * What one block of queries attends to in one layer: segments, whose partial outputs are merged by
 * their log-sum-exp to exactly one softmax over all keys that any segment lets a query see.
 *
 * <p>Rows that a device chose are kept there until the plan is closed; a plan without such rows may
 * be left alone.
 *
 * @param gain factor on each query, in all segments alike
 * @param encoding how positions act, if not as the model says (CLEX)
 */
public record AttentionPlan(
    List<Segment> segments, QueryGain gain, Optional<PositionEncoding> encoding)
    implements AutoCloseable {
  public AttentionPlan {
    segments = List.copyOf(segments);
  }

  /** Queries and positions as the model has them. */
  public AttentionPlan(List<Segment> segments) {
    this(segments, QueryGain.NONE, Optional.empty());
  }

  public static AttentionPlan of(Segment... segments) {
    return new AttentionPlan(List.of(segments));
  }

  public AttentionPlan withGain(QueryGain factor) {
    return new AttentionPlan(segments, factor, encoding);
  }

  public AttentionPlan withEncoding(PositionEncoding other) {
    return new AttentionPlan(segments, gain, Optional.of(other));
  }

  /**
   * What a layer with a window of its own makes of the plan: of everything that the plan lets a
   * query see, what lies at a true distance below {@code window}. Positions stay as planned. They
   * bring tokens nearer and never further away, so such a layer meets no distance that it was not
   * trained on. The segments keep their places, perhaps without rows.
   *
   * <p>Distances are counted in rows of the cache. Where a strategy has moved rows together, their
   * new numbers are what counts, as for all it plans.
   */
  public AttentionPlan within(long window) {
    return new AttentionPlan(
        segments.stream().map(segment -> segment.within(window)).toList(), gain, encoding);
  }

  /**
   * Checks the plan against the cache and the heads it will meet.
   *
   * @param firstQuery document index of the block's first row; the last is the cache's
   * @throws LongformException INVALID_PLAN naming the segment and what is wrong with it
   */
  public void validate(KvView cache, int queryHeads, long firstQuery) {
    if (queryHeads % cache.kvHeads() != 0) {
      throw invalid(
          "%d query heads cannot share %d key/value heads".formatted(queryHeads, cache.kvHeads()));
    }
    if (segments.isEmpty()) {
      throw invalid("it has no segment");
    }
    for (int i = 0; i < segments.size(); i++) {
      Segment segment = segments.get(i);
      // of rows that a device has not told, all that it could choose must be there
      Rows rows = segment.rows().outline();
      int groups = rows.groups();
      if (groups != 1 && groups != cache.kvHeads() && groups != queryHeads) {
        throw invalid(
            "segment %d has %d row lists, expected 1, %d (key/value heads) or %d (query heads)"
                .formatted(i, groups, cache.kvHeads(), queryHeads));
      }
      if (!segment.headScales().isNone() && segment.headScales().heads() != queryHeads) {
        throw invalid(
            "segment %d scales %d heads, the queries have %d"
                .formatted(i, segment.headScales().heads(), queryHeads));
      }
      long from = Math.max(firstQuery, segment.queries().from());
      long to = Math.min(cache.end(), segment.queries().to());
      if (segment.queryPositions() instanceof QueryPositions.Listed listed
          && !listed.covers(from, to)) {
        throw invalid(
            "segment %d is for queries %d to %d, but has positions for %d from %d on"
                .formatted(i, from, to, listed.positions().length, listed.firstRow()));
      }
      for (int g = 0; g < groups; g++) {
        for (int r = 0; r < rows.ranges(g); r++) {
          if (!cache.holds(rows.start(g, r), rows.end(g, r))) {
            throw invalid(
                "segment %d selects tokens %d to %d, the cache holds %s"
                    .formatted(i, rows.start(g, r), rows.end(g, r), cache.held()));
          }
          if (segment.keyPositions() instanceof KeyPositions.Listed listed
              && !listed.covers(rows.start(g, r), rows.end(g, r))) {
            throw invalid(
                "segment %d selects tokens %d to %d, but has positions for %d from %d on"
                    .formatted(
                        i,
                        rows.start(g, r),
                        rows.end(g, r),
                        listed.positions().length,
                        listed.firstRow()));
          }
        }
      }
    }
  }

  @Override
  public void close() {
    segments.forEach(segment -> segment.rows().close());
  }

  private static LongformException invalid(String why) {
    return new LongformException(
        ErrorClass.INVALID_PLAN,
        "Cannot attend: the plan is wrong, %s. This is a bug in the context strategy."
            .formatted(why));
  }
}
