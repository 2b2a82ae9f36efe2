package org.longform.kernels.cache;

import java.util.Arrays;

/**
 * Sizes of a cache: layers, key/value heads of each layer (a pruned model has more in some layers
 * than in others), dimensions of a head, how stored.
 */
public final class KvShape {
  private final int[] kvHeads;
  private final int headDim;
  private final KvDType dtype;
  // key/value heads of the layers before each layer, and of all layers
  private final long[] headsBefore;

  /**
   * @param kvHeads of each layer
   */
  public KvShape(int[] kvHeads, int headDim, KvDType dtype) {
    this.kvHeads = kvHeads.clone();
    this.headDim = headDim;
    this.dtype = dtype;
    this.headsBefore = new long[kvHeads.length + 1];
    for (int layer = 0; layer < kvHeads.length; layer++) {
      headsBefore[layer + 1] = headsBefore[layer] + kvHeads[layer];
    }
  }

  /** A cache with the same number of heads in every layer. */
  public KvShape(int layers, int kvHeads, int headDim, KvDType dtype) {
    this(same(layers, kvHeads), headDim, dtype);
  }

  /** A cache in float32 with the same number of heads in every layer. */
  public KvShape(int layers, int kvHeads, int headDim) {
    this(layers, kvHeads, headDim, KvDType.F32);
  }

  private static int[] same(int layers, int kvHeads) {
    int[] heads = new int[layers];
    Arrays.fill(heads, kvHeads);
    return heads;
  }

  public int layers() {
    return kvHeads.length;
  }

  public int kvHeads(int layer) {
    return kvHeads[layer];
  }

  public int headDim() {
    return headDim;
  }

  public KvDType dtype() {
    return dtype;
  }

  /** Bytes of one key or value of one head. */
  public int rowBytes() {
    return dtype.rowBytes(headDim);
  }

  /** Key/value heads of all layers before this one; of all layers for the number of layers. */
  public long headsBefore(int layer) {
    return headsBefore[layer];
  }

  /** Bytes of the keys and values of one token over all layers. */
  public long bytesPerToken() {
    return 2 * headsBefore[kvHeads.length] * rowBytes();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof KvShape shape
        && Arrays.equals(kvHeads, shape.kvHeads)
        && headDim == shape.headDim
        && dtype == shape.dtype;
  }

  @Override
  public int hashCode() {
    return 31 * (31 * Arrays.hashCode(kvHeads) + headDim) + dtype.hashCode();
  }

  @Override
  public String toString() {
    boolean same = Arrays.stream(kvHeads).distinct().count() == 1;
    return "KvShape[layers=%d, kvHeads=%s, headDim=%d, dtype=%s]"
        .formatted(
            kvHeads.length,
            same ? String.valueOf(kvHeads[0]) : Arrays.toString(kvHeads),
            headDim,
            dtype);
  }
}
