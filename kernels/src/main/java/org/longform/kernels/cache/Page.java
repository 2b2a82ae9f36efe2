package org.longform.kernels.cache;

import java.util.concurrent.atomic.AtomicInteger;
import org.longform.kernels.tensor.Memory;

/**
 * Keys and values of {@link #ROWS} consecutive tokens, all layers: [layer, kvHead, key or value,
 * row, rowBytes], a row as {@link KvDType} says, so that the rows of one head lie side by side.
 * Shared by the forks of a document; whoever holds it last frees it.
 */
final class Page {
  static final int ROWS = 64;

  private final KvShape shape;
  private final Memory memory;
  private final AtomicInteger holders = new AtomicInteger(1);
  // made on demand, perhaps by two forks at once
  private volatile PageSketches sketches;

  Page(KvShape shape) {
    this.shape = shape;
    this.memory = Memory.allocate(bytes(shape));
  }

  static long bytes(KvShape shape) {
    return shape.bytesPerToken() * ROWS;
  }

  Memory memory() {
    return memory;
  }

  /** Byte offset of the key of a token; the value's is {@link #valueStride} further. */
  long keyOffset(int layer, int kvHead, int row) {
    long head = (long) layer * shape.kvHeads() + kvHead;
    return (head * 2 * ROWS + row) * shape.rowBytes();
  }

  long valueStride() {
    return (long) ROWS * shape.rowBytes();
  }

  /** Bytes from a head's key to the next head's key of the same token. */
  long headStride() {
    return 2 * valueStride();
  }

  /** Sketches of this page, whose rows must all be written. */
  PageSketches sketches(long layerBytes) {
    PageSketches present = sketches;
    return present != null ? present : newSketches(layerBytes);
  }

  private synchronized PageSketches newSketches(long layerBytes) {
    if (sketches == null) {
      sketches = new PageSketches(shape.layers(), layerBytes);
    }
    return sketches;
  }

  /** Bytes of the sketches that were made. */
  long sketchBytes() {
    PageSketches present = sketches;
    return present == null ? 0 : present.bytes();
  }

  /** Forgets the sketches: the page, which nobody shares, is about to be written. */
  void dropSketches() {
    if (sketches != null) {
      sketches.close();
      sketches = null;
    }
  }

  boolean shared() {
    return holders.get() > 1;
  }

  Page hold() {
    holders.incrementAndGet();
    return this;
  }

  Page copy() {
    Page page = new Page(shape);
    page.memory.copyFrom(memory, 0, 0, memory.size());
    return page;
  }

  /** Whether this was the last holder, so that the memory is free now. */
  boolean release() {
    if (holders.decrementAndGet() == 0) {
      memory.close();
      dropSketches();
      return true;
    }
    return false;
  }
}
