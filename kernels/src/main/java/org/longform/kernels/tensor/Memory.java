package org.longform.kernels.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * A block of off-heap bytes with 64-bit offsets. Whoever allocates it closes it; every access is
 * checked against its size and fails after {@link #close}. Values are little-endian, as in the
 * model files.
 *
 * <p>A block may lie in the memory of a device. Then each access of the host is a copy, which finds
 * what the device was asked for before, and only the device itself gets an address.
 */
public abstract class Memory implements AutoCloseable {
  static {
    // before the first Pointer: its static initialiser reads the limits once
    NativeLimits.lift();
  }

  private static final AtomicLong ALLOCATED = new AtomicLong();

  final long address;
  private final long size;
  private final Runnable release;
  private boolean closed;

  Memory(long address, long size, Runnable release) {
    this.address = address;
    this.size = size;
    this.release = release;
  }

  /**
   * Zeroed memory of {@code size} bytes.
   *
   * @throws LongformException OUT_OF_MEMORY if the operating system refuses
   */
  public static Memory allocate(long size) {
    if (size < 0) {
      throw new IllegalArgumentException(
          "Cannot allocate %d bytes: the number is negative.".formatted(size));
    }
    // calloc of zero bytes may answer null, which is not a failure
    Pointer block = Pointer.calloc(1, Math.max(size, 1));
    if (block == null || block.isNull()) {
      throw refused(size);
    }
    return of(block.address(), size, () -> Pointer.free(block));
  }

  /** What to throw where the operating system has no room for so many bytes. */
  public static LongformException refused(long size) {
    return new LongformException(
        ErrorClass.OUT_OF_MEMORY,
        "Cannot allocate %d bytes off the heap: the operating system refused. Use a shorter window, a smaller model or fewer tasks per executor."
            .formatted(size));
  }

  /** A block of the host that was allocated otherwise; {@code free} gives it back on close. */
  public static Memory of(long address, long size, Runnable free) {
    return HostMemory.at(address, size, counted(size, free));
  }

  /** A block of a device; it goes back to its owner on close. */
  public static Memory of(MemoryOwner owner, long address, long size) {
    return new DeviceMemory(owner, address, size, counted(size, () -> owner.release(address)));
  }

  private static Runnable counted(long size, Runnable free) {
    ALLOCATED.addAndGet(size);
    return () -> {
      free.run();
      ALLOCATED.addAndGet(-size);
    };
  }

  /**
   * Bytes allocated by this process and not closed yet, on the host or a device; wrapped buffers
   * (mapped files) do not count.
   */
  public static long allocatedBytes() {
    return ALLOCATED.get();
  }

  /** Memory of a direct buffer (a mapped file); {@code release} runs once, on close. */
  public static Memory wrap(ByteBuffer direct, Runnable release) {
    return HostMemory.of(direct, release);
  }

  public final long size() {
    return size;
  }

  /** Machine address of the byte at {@code offset}, for native callers on the host. */
  public final long address(long offset) {
    return address(offset, null);
  }

  /**
   * Machine address of the byte at {@code offset}.
   *
   * @param reader who will work there; null for the host
   * @throws IllegalStateException if it is memory of a device and the reader is not that device
   */
  public abstract long address(long offset, MemoryOwner reader);

  /** The device whose memory it is; null for the host. */
  abstract MemoryOwner owner();

  /** Whether it is memory of no device. */
  public final boolean isOfHost() {
    return owner() == null;
  }

  /** Whether it is memory of a device, and of this one. */
  public final boolean isOwnedBy(MemoryOwner device) {
    return device != null && owner() == device;
  }

  public abstract float getFloat(long offset);

  public abstract void putFloat(long offset, float value);

  public abstract short getShort(long offset);

  public abstract void putShort(long offset, short value);

  public abstract long getLong(long offset);

  public abstract void putLong(long offset, long value);

  public abstract byte getByte(long offset);

  public abstract void putByte(long offset, byte value);

  /** Copies {@code count} floats from {@code offset} bytes on into {@code target}. */
  public abstract void read(long offset, float[] target, int from, int count);

  /** Copies {@code count} floats of {@code source} to {@code offset} bytes on. */
  public abstract void write(long offset, float[] source, int from, int count);

  /** Copies {@code count} 16-bit values from {@code offset} bytes on into {@code target}. */
  public abstract void readShorts(long offset, short[] target, int count);

  /** Copies {@code count} 16-bit values of {@code source} to {@code offset} bytes on. */
  public abstract void writeShorts(long offset, short[] source, int count);

  /** Copies {@code count} 64-bit values of {@code source} to {@code offset} bytes on. */
  public abstract void writeLongs(long offset, long[] source, int count);

  /** Copies {@code count} bytes from {@code offset} on into {@code target}. */
  public abstract void readBytes(long offset, byte[] target, int from, int count);

  /** Copies {@code count} bytes of {@code source} to {@code offset} on. */
  public abstract void writeBytes(long offset, byte[] source, int from, int count);

  /**
   * Copies bytes from another block, or from a part of this one that does not overlap. Within the
   * memory of a device the device does it.
   */
  public final void copyFrom(Memory source, long sourceOffset, long offset, long count) {
    source.check(sourceOffset, count);
    check(offset, count);
    if (count == 0) {
      return;
    }
    MemoryOwner both = ownerWith(source);
    if (both != null) {
      long[] piece = new long[MemoryOwner.PIECE_WORDS];
      source.piece(sourceOffset, this, offset, count, piece, 0);
      both.copy(piece, 1);
    } else if (source instanceof HostMemory host) {
      copyHere(host, sourceOffset, offset, count);
    } else if (source instanceof DeviceMemory device && this instanceof HostMemory host) {
      device.copyThere(sourceOffset, host, offset, count);
    } else {
      throw new IllegalStateException("Cannot copy from one device to another: no caller does.");
    }
  }

  /** Copies bytes of the host, in bounds, to {@code offset} on. */
  abstract void copyHere(HostMemory source, long sourceOffset, long offset, long count);

  /** The device that owns this block and another one; null for the host, or if they differ. */
  final MemoryOwner ownerWith(Memory other) {
    return owner() == other.owner() ? owner() : null;
  }

  /** Writes the addresses and the size of bytes to be copied from here, from {@code at} on. */
  final void piece(
      long offset, Memory target, long targetOffset, long count, long[] words, int at) {
    check(offset, count);
    target.check(targetOffset, count);
    words[at] = address + offset;
    words[at + 1] = target.address + targetOffset;
    words[at + 2] = count;
  }

  /** Writes {@code count} bytes from {@code offset} on to a place in a file. */
  public abstract void writeTo(FileChannel channel, long position, long offset, long count)
      throws IOException;

  /**
   * A pointer to the floats from {@code offset} bytes on; valid until this block is closed.
   *
   * @throws IllegalStateException if it is memory of a device
   */
  public abstract FloatPointer floats(long offset, long count);

  /**
   * A pointer to the doubles from {@code offset} bytes on; valid until this block is closed.
   *
   * @throws IllegalStateException if it is memory of a device
   */
  public abstract DoublePointer doubles(long offset, long count);

  /** Before every access. */
  final void check(long offset, long count) {
    if (closed || offset < 0 || count < 0 || offset > size - count) {
      throw new IndexOutOfBoundsException(
          "Cannot access bytes %d to %d: the block has %d bytes%s."
              .formatted(offset, offset + count, size, closed ? " and is closed" : ""));
    }
  }

  @Override
  public final void close() {
    if (!closed) {
      closed = true;
      release.run();
    }
  }
}
