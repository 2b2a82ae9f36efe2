package org.longform.kernels.tensor;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.indexer.ByteIndexer;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * A block of off-heap bytes with 64-bit offsets. Whoever allocates it closes it; every access is
 * checked against its size. Values are little-endian, as in the model files.
 */
public final class Memory implements AutoCloseable {
  private static final AtomicLong ALLOCATED = new AtomicLong();

  private final BytePointer pointer;
  private final ByteIndexer bytes;
  private final long size;
  private final Runnable release;
  private boolean closed;

  private Memory(BytePointer pointer, long size, Runnable release) {
    this.pointer = pointer;
    this.bytes = ByteIndexer.create(pointer);
    this.size = size;
    this.release = release;
  }

  /**
   * Zeroed memory of {@code size} bytes.
   *
   * @throws LongformException OUT_OF_MEMORY if the operating system refuses
   */
  public static Memory allocate(long size) {
    // malloc of zero bytes may answer null, which is not a failure
    Pointer block = Pointer.calloc(1, Math.max(size, 1));
    if (block == null || block.isNull()) {
      throw new LongformException(
          ErrorClass.OUT_OF_MEMORY,
          "Cannot allocate %d bytes off the heap: the operating system refused. Use a shorter window, a smaller model or fewer tasks per executor."
              .formatted(size));
    }
    BytePointer pointer = new BytePointer(block).capacity(size);
    ALLOCATED.addAndGet(size);
    return new Memory(
        pointer,
        size,
        () -> {
          Pointer.free(block);
          ALLOCATED.addAndGet(-size);
        });
  }

  /** Bytes allocated by this process and not closed yet; wrapped buffers do not count. */
  public static long allocatedBytes() {
    return ALLOCATED.get();
  }

  /** Memory of a direct buffer (a mapped file); {@code release} runs once, on close. */
  public static Memory wrap(ByteBuffer direct, Runnable release) {
    BytePointer pointer = new BytePointer(direct);
    return new Memory(pointer, direct.remaining(), release);
  }

  public long size() {
    return size;
  }

  /** Machine address of the byte at {@code offset}, for native callers. */
  public long address(long offset) {
    return pointer.address() + offset;
  }

  public float getFloat(long offset) {
    return bytes.getFloat(offset);
  }

  public void putFloat(long offset, float value) {
    bytes.putFloat(offset, value);
  }

  public short getShort(long offset) {
    return bytes.getShort(offset);
  }

  public void putShort(long offset, short value) {
    bytes.putShort(offset, value);
  }

  /** Copies {@code count} floats from {@code offset} bytes on into {@code target}. */
  public void read(long offset, float[] target, int from, int count) {
    floats(offset, count).get(target, from, count);
  }

  /** Copies {@code count} floats of {@code source} to {@code offset} bytes on. */
  public void write(long offset, float[] source, int from, int count) {
    floats(offset, count).put(source, from, count);
  }

  /** Copies bytes from another block. */
  public void copyFrom(Memory source, long sourceOffset, long offset, long count) {
    source.check(sourceOffset, count);
    check(offset, count);
    Pointer.memcpy(
        new BytePointer(pointer).position(offset),
        new BytePointer(source.pointer).position(sourceOffset),
        count);
  }

  /** A pointer to the floats from {@code offset} bytes on; valid until this block is closed. */
  public FloatPointer floats(long offset, long count) {
    check(offset, Math.multiplyExact(count, (long) Float.BYTES));
    if (offset % Float.BYTES == 0) {
      return new FloatPointer(pointer)
          .position(offset / Float.BYTES)
          .capacity(offset / Float.BYTES + count);
    }
    return new FloatPointer(new BytePointer(pointer).position(offset)).capacity(count);
  }

  private void check(long offset, long count) {
    if (closed || offset < 0 || count < 0 || offset > size - count) {
      throw new IndexOutOfBoundsException(
          "Cannot access bytes %d to %d: the block has %d bytes%s."
              .formatted(offset, offset + count, size, closed ? " and is closed" : ""));
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      release.run();
    }
  }
}
