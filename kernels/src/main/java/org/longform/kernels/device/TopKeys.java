package org.longform.kernels.device;

/**
 * The answer to a {@link TopKeysRequest}: for (head h, asking query t) the entries {@code (h *
 * queries + t) * k} on, best first; among equal scores the earlier token comes first.
 *
 * @param heads H
 * @param queries number of asking queries
 * @param k entries of each; at most the number of candidates
 * @param rows document indices of the tokens
 * @param scores their scores
 */
public record TopKeys(int heads, int queries, int k, long[] rows, float[] scores) {}
