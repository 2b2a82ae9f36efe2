package org.longform.kernels.attention;

/** Receives what single queries make of the cached tokens they see, one after the other. */
public interface QueryAttention {
  /**
   * Takes what one head of one query makes of all tokens it sees.
   *
   * @param head query head
   * @param queryRow document index of the query
   * @param rows document indices of the tokens, segment after segment
   * @param values of each: a logit or a probability, whichever was asked for
   */
  void add(int head, long queryRow, long[] rows, double[] values);
}
