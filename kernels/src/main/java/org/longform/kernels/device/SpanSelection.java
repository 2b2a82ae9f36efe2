package org.longform.kernels.device;

import org.longform.kernels.cache.Rows;

/**
 * Makes spans of tokens out of votes for single ones.
 *
 * @param span tokens of a span; around token j it reaches from {@code j + floor(-span/2)} to {@code
 *     j + floor((span+1)/2) - 1}, as published, so that an odd length gives one token more
 * @param clip how many of the voted tokens get a span, {@link #UNLIMITED} for all
 * @param budget how many tokens all spans together may have, {@link #UNLIMITED} for any number; a
 *     span is left out as a whole if what is new in it does not fit, and shorter needs behind it
 *     are still served
 */
public record SpanSelection(long span, long clip, long budget) {
  public static final long UNLIMITED = -1;

  /** Most voted tokens that get a span. */
  public long limit() {
    return clip == UNLIMITED ? Long.MAX_VALUE : clip;
  }

  /**
   * The spans, clipped to {@code [from, to)}, from which all tokens must come.
   *
   * @param voted the tokens, at most {@link #limit}, in the order in which they are served
   */
  public Rows select(long[] voted, long from, long to) {
    SpanUnion union = new SpanUnion();
    for (long row : voted) {
      if (union.size() == budget) {
        break;
      }
      long start = Math.max(from, row - reach());
      long end = Math.min(to, row + reach());
      if (budget == UNLIMITED || union.size() + union.missing(start, end) <= budget) {
        union.add(start, end);
      }
    }
    return union.rows();
  }

  /** Most tokens that can be selected, {@link #UNLIMITED} if there is no bound. */
  public long largest() {
    if (budget != UNLIMITED) {
      return budget;
    }
    return clip == UNLIMITED ? UNLIMITED : clip * tokensOfOne();
  }

  /** Tokens of one span that is not clipped. */
  public long tokensOfOne() {
    return 2 * reach();
  }

  /** A span reaches to one token before so many behind the voted one, and to as many before it. */
  public long reach() {
    return Math.floorDiv(span + 1, 2L);
  }
}
