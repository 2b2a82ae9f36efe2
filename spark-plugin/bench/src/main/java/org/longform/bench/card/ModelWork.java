package org.longform.bench.card;

import org.longform.bench.models.ModelShape;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.tensor.DType;

/**
 * What a model cannot do without for a block of tokens: each weight and each key or value it sees
 * is read once, and each is multiplied with each token.
 *
 * @param shape of the model
 * @param weights how its matrices are stored
 * @param pages how keys and values are stored
 */
record ModelWork(ModelShape shape, DType weights, KvDType pages) {
  /**
   * A block of tokens.
   *
   * @param tokens of the block
   * @param seen cached tokens that it attends to in a layer, itself included
   * @param searched cached tokens whose keys it is compared with in a layer
   * @param logits whether it ends with scores for the next token
   */
  record Block(long tokens, double seen, double searched, boolean logits) {}

  /** Bytes of keys and values of one token. */
  long bytesPerToken() {
    return 2L * shape.layers() * shape.kvHeads() * pages.rowBytes(shape.headDim());
  }

  double bytes(Block block) {
    return shape.decodedBytes(weights)
        - (block.logits() ? 0 : weights.bytes(outputWeights()))
        + block.seen() * bytesPerToken()
        + block.searched() * bytesPerToken() / 2;
  }

  double operations(Block block) {
    double products =
        layerWeights() + (block.logits() ? (double) outputWeights() / block.tokens() : 0);
    // a token sees on average half of its own block
    double seen = block.seen() - (block.tokens() - 1) / 2.0;
    double width = (double) shape.layers() * shape.heads() * shape.headDim();
    return block.tokens() * (2 * products + width * (4 * seen + 2 * block.searched()));
  }

  private long outputWeights() {
    return (long) shape.vocabulary() * shape.hidden();
  }

  private long layerWeights() {
    return shape.layers()
        * shape.layerMatrices(0).stream()
            .mapToLong(matrix -> matrix.outer() * matrix.inner())
            .sum();
  }
}
