package org.longform.kernels.model;

/** Receives the hidden states of tokens that were read. */
public interface HiddenStates {
  /**
   * A block became part of the document.
   *
   * @param firstRow index in the document of the first token of the block
   * @param states (T, M) of its tokens, row after row
   */
  void add(long firstRow, float[] states);
}
