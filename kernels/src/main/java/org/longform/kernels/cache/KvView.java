package org.longform.kernels.cache;

import org.longform.kernels.tensor.Memory;

/**
 * One layer of a cache, read only. Rows are addressed by token index; {@link #memory} with {@link
 * #keyOffset} and {@link #valueOffset} gives devices the place of {@link #contiguous} rows at once.
 */
public final class KvView {
  private final KvCache cache;
  private final int layer;
  private final long end;
  private final Rows held;

  KvView(KvCache cache, int layer, long end, Rows held) {
    this.cache = cache;
    this.layer = layer;
    this.end = end;
    this.held = held;
  }

  public int layer() {
    return layer;
  }

  public int kvHeads() {
    return cache.shape().kvHeads();
  }

  public int headDim() {
    return cache.shape().headDim();
  }

  /** One past the newest token, the block being read included. */
  public long end() {
    return end;
  }

  /** The tokens that may be attended to. */
  public Rows held() {
    return held;
  }

  public boolean holds(long from, long to) {
    return held.containsRange(0, from, to);
  }

  /** Rows from {@code row} on, and before {@code to}, that lie side by side in memory. */
  public int contiguous(long row, long to) {
    return (int) Math.min(to - row, Page.ROWS - row % Page.ROWS);
  }

  public Memory memory(long row) {
    return cache.page(row).memory();
  }

  /** Byte offset of the un-rotated key, headDim float32 values. */
  public long keyOffset(int kvHead, long row) {
    return cache.page(row).keyOffset(layer, kvHead, (int) (row % Page.ROWS));
  }

  /** Byte offset of the value, headDim float32 values. */
  public long valueOffset(int kvHead, long row) {
    Page page = cache.page(row);
    return page.keyOffset(layer, kvHead, (int) (row % Page.ROWS)) + page.valueStride();
  }

  /** Copies the un-rotated key of one token. */
  public void readKey(int kvHead, long row, float[] target) {
    memory(row).read(keyOffset(kvHead, row), target, 0, headDim());
  }

  /** Copies the value of one token. */
  public void readValue(int kvHead, long row, float[] target) {
    memory(row).read(valueOffset(kvHead, row), target, 0, headDim());
  }
}
