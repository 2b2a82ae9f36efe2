package org.longform.kernels.attention;

/**
 * Receives how much attention each cached token got: the softmax probability of a token, summed
 * over the query heads and the rows of the block. A tap: computed only when asked for.
 */
public interface ColumnMass {
  /** Adds the mass of one token; a token may come several times. */
  void add(long row, float mass);
}
