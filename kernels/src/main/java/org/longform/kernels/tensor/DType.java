package org.longform.kernels.tensor;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Element type of a tensor. The quantised ones hold {@link #blockElements} neighbours of a row in
 * one block of {@link #blockBytes}, laid out as in GGUF files.
 */
public enum DType {
  F32(1, 4),
  F16(1, 2),
  BF16(1, 2),
  Q8_0(32, 34),
  Q4_0(32, 18),
  Q5_0(32, 22),
  Q4_K(256, 144),
  Q5_K(256, 176),
  Q6_K(256, 210);

  private final int blockElements;
  private final int blockBytes;

  DType(int blockElements, int blockBytes) {
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /** Neighbours that are stored together; 1 for plain types. */
  public int blockElements() {
    return blockElements;
  }

  /** Bytes of one block. */
  public int blockBytes() {
    return blockBytes;
  }

  public boolean isQuantised() {
    return blockElements > 1;
  }

  /**
   * Bytes of {@code elements} neighbours.
   *
   * @throws LongformException INTERNAL if they are not whole blocks
   */
  public long bytes(long elements) {
    if (elements % blockElements != 0) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot address %d elements of %s: its blocks have %d."
              .formatted(elements, this, blockElements));
    }
    return Math.multiplyExact(elements / blockElements, (long) blockBytes);
  }
}
