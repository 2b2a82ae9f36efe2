package org.longform.kernels.cache;

/** Sizes of a cache: layers, key/value heads of each layer, dimensions of a head. */
public record KvShape(int layers, int kvHeads, int headDim) {
  /** Bytes of the keys and values of one token over all layers, in float32. */
  public long bytesPerToken() {
    return 2L * layers * kvHeads * headDim * Float.BYTES;
  }
}
