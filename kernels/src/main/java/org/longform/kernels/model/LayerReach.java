package org.longform.kernels.model;

import org.longform.kernels.attention.AttentionPlan;

/**
 * How far the attention of one layer reaches, and what distances mean to it.
 *
 * @param window a token sees those at distances below this, itself included
 * @param positions how positions act
 */
public record LayerReach(long window, PositionSpec positions) {
  /** The window of layers that see everything. */
  public static final long UNLIMITED = Long.MAX_VALUE;

  public static LayerReach everything(PositionSpec positions) {
    return new LayerReach(UNLIMITED, positions);
  }

  boolean isLimited() {
    return window != UNLIMITED;
  }

  /** What of a strategy's plan the layer sees. */
  AttentionPlan of(AttentionPlan plan) {
    return isLimited() ? plan.within(window) : plan;
  }

  /** The same with pairs in other places, and another rotation for one that is. */
  LayerReach stored(RopeSpec rope, RopeSpec otherRope) {
    if (positions.equals(rope)) {
      return new LayerReach(window, otherRope);
    }
    return positions instanceof RopeSpec own
        ? new LayerReach(window, own.laidOut(otherRope.layout()))
        : this;
  }
}
