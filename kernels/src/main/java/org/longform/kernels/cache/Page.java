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
      return true;
    }
    return false;
  }
}
