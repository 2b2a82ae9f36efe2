package org.longform.kernels.device;

/**
 * The answer to a {@link TopKeysRequest}: for (head h, asking query t) the entries {@code (h *
 * queries + t) * k} on, best first; among equal scores the earlier token comes first.
 *
 * @param heads H
 * @param queries number of asking queries
 * @param k entries of each; at most the number of candidates
 * @param rows document indices of the tokens
 * @param scores their scores; what is not a number counts as -infinity
 * @param rescored how many pairs of a query and a token were scored from the token's key itself
 */
public record TopKeys(int heads, int queries, int k, long[] rows, float[] scores, long rescored) {

  /** The answer of a device that reads every key. */
  public static TopKeys exhaustive(TopKeysRequest request, int k, long[] rows, float[] scores) {
    long pairs =
        (long) request.heads() * request.queryCount() * Math.max(0, request.to() - request.from());
    return new TopKeys(request.heads(), request.queryCount(), k, rows, scores, pairs);
  }
}
