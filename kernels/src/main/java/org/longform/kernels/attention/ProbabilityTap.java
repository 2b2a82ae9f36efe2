package org.longform.kernels.attention;

/**
 * Receives how few queries spread their attention: the softmax probabilities of single queries and
 * heads, which {@link ColumnMass} only tells as a sum. A tap: computed only where asked for.
 */
public interface ProbabilityTap {
  /** The rows of the next block whose probabilities in a layer are wanted. */
  QueryRange asking(int layer);

  /** See {@link QueryAttention#add}. */
  void add(int layer, int head, long queryRow, long[] rows, double[] probabilities);
}
