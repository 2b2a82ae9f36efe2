package org.longform.kernels.attention;

import org.longform.kernels.cache.Rows;

/**
 * A set of cached tokens that queries attend to, and the positions both sides are rotated at.
 *
 * @param rows the tokens; a list for all heads or one for each group of heads
 * @param keyPositions where the keys are rotated
 * @param queryPositions where the queries are rotated
 * @param band which of the rows a query may see
 * @param queries which rows of the query block take part; others get nothing from this segment
 * @param headScales factor on both positions for each query head, empty for 1 (Ms-PoE)
 * @param logitScale factor on the logits of this segment (STRING's gain), usually 1
 */
public record Segment(
    Rows rows,
    KeyPositions keyPositions,
    QueryPositions queryPositions,
    Band band,
    QueryRange queries,
    HeadScales headScales,
    double logitScale) {

  /** A segment for all queries of the block, unscaled. */
  public static Segment of(
      Rows rows, KeyPositions keyPositions, QueryPositions queryPositions, Band band) {
    return new Segment(
        rows, keyPositions, queryPositions, band, QueryRange.ALL, HeadScales.NONE, 1.0);
  }

  public Segment forQueries(QueryRange range) {
    return new Segment(rows, keyPositions, queryPositions, band, range, headScales, logitScale);
  }

  /** The same without what lies at a true distance of {@code window} or more. */
  Segment within(long window) {
    return band.within(window)
        .map(near -> with(rows, near))
        .orElseGet(() -> with(Rows.none(), band));
  }

  private Segment with(Rows otherRows, Band otherBand) {
    return new Segment(
        otherRows, keyPositions, queryPositions, otherBand, queries, headScales, logitScale);
  }

  public Segment withHeadScales(HeadScales scales) {
    return new Segment(rows, keyPositions, queryPositions, band, queries, scales, logitScale);
  }

  public Segment withLogitScale(double scale) {
    return new Segment(rows, keyPositions, queryPositions, band, queries, headScales, scale);
  }
}
