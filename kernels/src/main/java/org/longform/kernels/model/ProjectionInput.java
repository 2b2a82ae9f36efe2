package org.longform.kernels.model;

/** What the projections of a layer are applied to; those that share an input are one. */
public enum ProjectionInput {
  /** (T, M) behind the attention's norm: input of queries, keys and values. */
  ATTENTION,
  /** (T, H*D) mixed values: input of the attention's output projection. */
  OUTPUT,
  /** (T, M) behind the feed-forward norm: input of gate and up. */
  FEED_FORWARD,
  /** (T, I) gated: input of down. */
  DOWN
}
