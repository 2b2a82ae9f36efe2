package org.longform.kernels.model;

/**
 * Receives how surprising each token was. A tap: computed only when asked for.
 *
 * @see Session#watchScores
 */
public interface TokenScores {
  /**
   * Called once for each token, in order.
   *
   * @param row index of the token in the document
   * @param token its id
   * @param negativeLogLikelihood {@code -ln p(token | everything before)} in nats
   */
  void add(long row, int token, double negativeLogLikelihood);
}
