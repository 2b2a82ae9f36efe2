package org.longform.kernels.attention;

/**
 * Receives how much attention each cached token got from each query head: the softmax probability
 * over all segments, summed over the rows of the block. A tap: computed only when asked for.
 */
public interface HeadMass {
  /**
   * Adds the mass of one token in one segment; a token may come several times.
   *
   * @param segment index in the plan
   * @param head query head
   */
  void add(int segment, int head, long row, float mass);
}
