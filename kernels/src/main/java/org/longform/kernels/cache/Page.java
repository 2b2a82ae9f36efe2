package org.longform.kernels.cache;

import java.util.concurrent.atomic.AtomicInteger;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemorySource;

/**
 * Keys and values of {@link #ROWS} consecutive tokens, all layers: [layer, kvHead, key or value,
 * row, rowBytes], a row as {@link KvDType} says, so that the rows of one head lie side by side.
 * Shared by the forks of a document; whoever holds it last frees it.
 *
 * <p>A page is written in memory of its own, its home. {@link PageStore} may move it to pinned
 * memory or to disk, where it is only read.
 */
final class Page {
  static final int ROWS = 64;

  private final PageStore store;
  private final AtomicInteger holders = new AtomicInteger(1);
  // made on demand, perhaps by two forks at once
  private volatile PageSketches sketches;
  // where the page is: its own block, perhaps of pinned memory, or a slot of an extent
  private Memory memory;
  private boolean pinned;
  private Extent.Slot slot;

  /** A page of zeros. */
  Page(PageStore store) {
    this.store = store;
    this.memory = store.source().allocate(bytes(store.shape()));
  }

  static long bytes(KvShape shape) {
    return shape.bytesPerToken() * ROWS;
  }

  /** Bytes of one layer. */
  static long layerBytes(KvShape shape, int layer) {
    return headBytes(shape) * shape.kvHeads(layer);
  }

  /** Bytes of the layers before one. */
  static long bytesBefore(KvShape shape, int layer) {
    return headBytes(shape) * shape.headsBefore(layer);
  }

  private static long headBytes(KvShape shape) {
    return 2L * ROWS * shape.rowBytes();
  }

  /** What {@link #keyOffset} counts in. */
  Memory memory() {
    return slot == null ? memory : slot.extent().memory();
  }

  /** Byte offset of the key of a token; the value's is {@link #valueStride} further. */
  long keyOffset(int layer, int kvHead, int row) {
    return layerOffset(layer) + ((long) kvHead * 2 * ROWS + row) * store.shape().rowBytes();
  }

  private long layerOffset(int layer) {
    return slot == null ? bytesBefore(store.shape(), layer) : slot.layerOffset(layer);
  }

  long valueStride() {
    return (long) ROWS * store.shape().rowBytes();
  }

  /** Bytes from a head's key to the next head's key of the same token. */
  long headStride() {
    return 2 * valueStride();
  }

  /** Sketches of this page, whose rows must all be written; null if there is no memory for them. */
  PageSketches sketches(long headBytes, MemorySource source) {
    PageSketches present = sketches;
    return present != null ? present : newSketches(headBytes, source);
  }

  private synchronized PageSketches newSketches(long headBytes, MemorySource source) {
    if (sketches == null) {
      sketches = store.newSketches(this, headBytes, source);
    }
    return sketches;
  }

  /** Bytes of the sketches that were made. */
  long sketchBytes() {
    PageSketches present = sketches;
    return present == null ? 0 : present.bytes();
  }

  /** Forgets the sketches: nobody may be reading the page. */
  void dropSketches() {
    if (sketches != null) {
      long bytes = sketches.bytes();
      sketches.close();
      sketches = null;
      store.sketchesDropped(this, bytes);
    }
  }

  boolean onDisk() {
    return slot != null;
  }

  boolean isPinned() {
    return pinned;
  }

  /** Whether the page is where rows may be written to it. */
  boolean isHome() {
    return slot == null && !pinned;
  }

  /** Says that somebody is about to read the page. */
  void touch() {
    if (slot != null) {
      slot.extent().touch();
    }
  }

  /** Whether there are sketches in the memory of a device. */
  boolean sketchedOnDevice() {
    PageSketches present = sketches;
    return present != null && !present.areOnHost();
  }

  /** The page lies in pinned memory from now on, where its device reads it as it did before. */
  void moveTo(Memory target) {
    target.copyFrom(memory, 0, 0, bytes(store.shape()));
    memory.close();
    memory = target;
    pinned = true;
  }

  /** The page lies in the slot from now on, where no device reads it by itself. */
  void moveTo(Extent.Slot target) {
    Memory own = memory;
    slot = target;
    memory = null;
    own.close();
    if (sketchedOnDevice()) {
      dropSketches();
    }
  }

  boolean shared() {
    return holders.get() > 1;
  }

  Page hold() {
    holders.incrementAndGet();
    return this;
  }

  /** Copies a page that may lie elsewhere. */
  void copyFrom(Page source) {
    if (slot == null && source.slot == null) {
      memory.copyFrom(source.memory, 0, 0, bytes(store.shape()));
      return;
    }
    for (int layer = 0; layer < store.shape().layers(); layer++) {
      long bytes = layerBytes(store.shape(), layer);
      memory().copyFrom(source.memory(), source.layerOffset(layer), layerOffset(layer), bytes);
    }
  }

  /** Gives one hold back; after the last one memory or disk is free for others. */
  void release() {
    if (holders.decrementAndGet() == 0) {
      store.freed(this);
    }
  }

  /** Gives the memory or the slot back. */
  void free() {
    if (slot != null) {
      slot.extent().free(slot);
    } else {
      memory.close();
    }
  }
}
