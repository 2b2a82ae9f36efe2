package org.longform.kernels.cache;

/** Sizes of a cache: layers, key/value heads of each layer, dimensions of a head, how stored. */
public record KvShape(int layers, int kvHeads, int headDim, KvDType dtype) {
  /** A cache in float32. */
  public KvShape(int layers, int kvHeads, int headDim) {
    this(layers, kvHeads, headDim, KvDType.F32);
  }

  /** Bytes of one key or value of one head. */
  public int rowBytes() {
    return dtype.rowBytes(headDim);
  }

  /** Bytes of the keys and values of one token over all layers. */
  public long bytesPerToken() {
    return 2L * layers * kvHeads * rowBytes();
  }
}
