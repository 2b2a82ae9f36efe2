package org.longform.kernels.model;

import org.longform.kernels.tensor.Tensor;

/** Changes what a model reads in place of its tokens, before the first layer. */
public interface InputEmbeddings {
  InputEmbeddings NONE = (firstRow, embeddings) -> {};

  /**
   * Called once for each block before it is read, and again if that has failed.
   *
   * @param firstRow index in the document of the first token of the block
   * @param embeddings (T, M) of the block's tokens as the model has them; may be overwritten
   */
  void apply(long firstRow, Tensor embeddings);
}
