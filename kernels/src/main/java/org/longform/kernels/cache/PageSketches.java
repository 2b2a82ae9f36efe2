package org.longform.kernels.cache;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemoryOwner;
import org.longform.kernels.tensor.MemorySource;

/**
 * What a device derives from the keys of a full page, layer by layer, to search them faster. Lives
 * and dies with the page; shared by the forks that share it.
 */
public final class PageSketches {
  /** Sketches begin at a multiple of this. */
  private static final long ALIGN = 64;

  private static final int NONE = 0;
  private static final int IN_WORK = 1;
  private static final int READY = 2;

  private final Memory memory;
  private final KvShape shape;
  private final long headBytes;
  private final AtomicIntegerArray states;

  /**
   * @param source of their memory
   * @throws org.longform.kernels.error.LongformException OUT_OF_MEMORY
   */
  PageSketches(KvShape shape, long headBytes, MemorySource source) {
    this.shape = shape;
    this.headBytes = headBytes;
    this.memory = source.allocate(bytes(shape, headBytes));
    this.states = new AtomicIntegerArray(shape.layers());
  }

  static long bytes(KvShape shape, long headBytes) {
    return shape.headsBefore(shape.layers()) * headBytes + ALIGN;
  }

  /**
   * Machine address of the sketches of a layer, head after head.
   *
   * @param reader who will work there; null for the host
   */
  public long address(int layer, MemoryOwner reader) {
    long first = (memory.address(0, reader) + ALIGN - 1) / ALIGN * ALIGN;
    return first + shape.headsBefore(layer) * headBytes;
  }

  /** Whether the host has their memory, and not a device. */
  boolean areOnHost() {
    return memory.isOfHost();
  }

  /** Whether the sketch of a layer is made. */
  public boolean isReady(int layer) {
    return states.get(layer) == READY;
  }

  /** Whether the caller is to make the sketch of a layer now, and to say so to {@link #made}. */
  public boolean claim(int layer) {
    return states.compareAndSet(layer, NONE, IN_WORK);
  }

  /** Ends what {@link #claim} began. */
  public void made(int layer, boolean successfully) {
    states.set(layer, successfully ? READY : NONE);
  }

  long bytes() {
    return memory.size();
  }

  /** Gives the memory back. */
  void close() {
    memory.close();
  }
}
