package org.longform.kernels.model;

/** Where a layer may have a norm. */
public enum NormPlace {
  /** On what the attention half gets. */
  ATTENTION,
  /** On queries, before they are rotated. */
  QUERY,
  /** On keys, before they are cached. */
  KEY,
  /** On what the attention half gives, before it is added to the residual stream. */
  AFTER_ATTENTION,
  /** On what the feed-forward half gets. */
  FEED_FORWARD,
  /** On what the feed-forward half gives, before it is added to the residual stream. */
  AFTER_FEED_FORWARD
}
