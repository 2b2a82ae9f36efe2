package org.longform.kernels.cache;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.util.BitSet;
import org.longform.kernels.tensor.MappedFile;
import org.longform.kernels.tensor.Memory;

/**
 * Room for pages in a file that is mapped into memory: [layer, slot, a page's bytes of the layer],
 * so that one layer of neighbouring pages is read from the disk in one go. Pages are written
 * through the file, which tells a full disk as an error, and read through the mapping.
 */
final class Extent {
  // a sparse file: what no page was written to takes no room
  private static final long TARGET_BYTES = 1L << 28;
  private static final int MOST_SLOTS = 256;

  private final KvShape shape;
  private final int slots;
  private final FileChannel channel;
  private final Memory memory;
  private final BitSet used = new BitSet();
  private volatile boolean touched;

  private Extent(KvShape shape, int slots, FileChannel channel, Memory memory) {
    this.shape = shape;
    this.slots = slots;
    this.channel = channel;
    this.memory = memory;
  }

  /** A place for one page. */
  record Slot(Extent extent, int index) {
    long layerOffset(int layer) {
      return extent.slots * Page.bytesBefore(extent.shape, layer)
          + index * Page.layerBytes(extent.shape, layer);
    }
  }

  /**
   * An empty extent.
   *
   * @param channel an empty file; it is closed with the extent, or here if that fails
   */
  static Extent create(KvShape shape, FileChannel channel) throws IOException {
    int slots = (int) Math.max(1, Math.min(MOST_SLOTS, TARGET_BYTES / Page.bytes(shape)));
    try {
      Memory memory = MappedFile.map(channel, 0, slots * Page.bytes(shape));
      return new Extent(shape, slots, channel, memory);
    } catch (Throwable e) {
      channel.close();
      throw e;
    }
  }

  Memory memory() {
    return memory;
  }

  boolean full() {
    return used.cardinality() == slots;
  }

  boolean empty() {
    return used.isEmpty();
  }

  /** Writes a page to a free slot; the slot stays free if that fails. */
  Slot write(Memory page) throws IOException {
    Slot slot = new Slot(this, used.nextClearBit(0));
    for (int layer = 0; layer < shape.layers(); layer++) {
      page.writeTo(
          channel,
          slot.layerOffset(layer),
          Page.bytesBefore(shape, layer),
          Page.layerBytes(shape, layer));
    }
    used.set(slot.index());
    return slot;
  }

  void free(Slot slot) {
    used.clear(slot.index());
  }

  void touch() {
    if (!touched) {
      touched = true;
    }
  }

  /** Whether pages were touched since this was asked last. */
  boolean wasTouched() {
    boolean was = touched;
    touched = false;
    return was;
  }

  /** Calls for one layer of all slots up to the last one in use. */
  void advise(int layer, KvCache.Advice advice) {
    advice.advise(
        memory.address(slots * Page.bytesBefore(shape, layer)),
        used.length() * Page.layerBytes(shape, layer));
  }

  /** Unmaps the file and gives its room on the disk back. */
  void close() {
    memory.close();
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
