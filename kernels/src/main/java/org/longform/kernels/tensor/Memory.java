package org.longform.kernels.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;
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
 * <p>A device that has memory of its own may write there later than it is asked to. Each access of
 * the host waits for that; only the owner itself gets an address without waiting.
 */
public final class Memory implements AutoCloseable {
  static {
    // before the first Pointer: its static initialiser reads the limits once
    NativeLimits.lift();
  }

  private static final AtomicLong ALLOCATED = new AtomicLong();

  // a buffer has 31-bit offsets, so that a larger block is seen through several
  private static final int SEGMENT_BITS = 30;
  private static final int SEGMENT_BYTES = 1 << SEGMENT_BITS;

  private final long address;
  private final long size;
  private final ByteBuffer[] segments;
  private final FloatBuffer[] floats;
  // null: the host
  private final MemoryOwner owner;
  private final Runnable release;
  private boolean closed;

  private Memory(
      long address, long size, ByteBuffer[] segments, MemoryOwner owner, Runnable release) {
    this.address = address;
    this.size = size;
    this.owner = owner;
    this.segments = segments;
    this.floats = new FloatBuffer[segments.length];
    for (int i = 0; i < segments.length; i++) {
      segments[i].order(ByteOrder.LITTLE_ENDIAN);
      floats[i] = segments[i].asFloatBuffer();
    }
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
    return counted(block.address(), size, null, () -> Pointer.free(block));
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
    return counted(address, size, null, free);
  }

  /** A block of a device; it goes back to its owner on close. */
  public static Memory of(MemoryOwner owner, long address, long size) {
    return counted(address, size, owner, () -> owner.release(address));
  }

  private static Memory counted(long address, long size, MemoryOwner owner, Runnable free) {
    ByteBuffer[] segments = new ByteBuffer[segmentCount(size)];
    for (int i = 0; i < segments.length; i++) {
      long from = (long) i << SEGMENT_BITS;
      segments[i] =
          new BytePointer(new Address(address + from))
              .capacity(Math.min(SEGMENT_BYTES, size - from))
              .asByteBuffer();
    }
    ALLOCATED.addAndGet(size);
    return new Memory(
        address,
        size,
        segments,
        owner,
        () -> {
          free.run();
          ALLOCATED.addAndGet(-size);
        });
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
    ByteBuffer whole = direct.slice();
    ByteBuffer[] segments = new ByteBuffer[segmentCount(whole.capacity())];
    for (int i = 0; i < segments.length; i++) {
      int from = i << SEGMENT_BITS;
      segments[i] = whole.slice(from, Math.min(SEGMENT_BYTES, whole.capacity() - from));
    }
    long address = new BytePointer(whole).address();
    return new Memory(address, whole.capacity(), segments, null, release);
  }

  private static int segmentCount(long size) {
    return Math.toIntExact((size + SEGMENT_BYTES - 1) >>> SEGMENT_BITS);
  }

  public long size() {
    return size;
  }

  /** Machine address of the byte at {@code offset}, for native callers on the host. */
  public long address(long offset) {
    return address(offset, null);
  }

  /**
   * Machine address of the byte at {@code offset}.
   *
   * @param reader who will work there; null for the host
   */
  public long address(long offset, MemoryOwner reader) {
    inside(offset, 0);
    if (owner != null && owner != reader) {
      owner.finish();
    }
    return address + offset;
  }

  /** Whether it is memory of a device, and of this one. */
  public boolean isOwnedBy(MemoryOwner device) {
    return owner != null && owner == device;
  }

  public float getFloat(long offset) {
    check(offset, Float.BYTES);
    int within = within(offset);
    return within <= SEGMENT_BYTES - Float.BYTES
        ? segment(offset).getFloat(within)
        : Float.intBitsToFloat(straddling(offset, Float.BYTES));
  }

  public void putFloat(long offset, float value) {
    check(offset, Float.BYTES);
    int within = within(offset);
    if (within <= SEGMENT_BYTES - Float.BYTES) {
      segment(offset).putFloat(within, value);
    } else {
      int bits = Float.floatToRawIntBits(value);
      for (int i = 0; i < Float.BYTES; i++) {
        segment(offset + i).put(within(offset + i), (byte) (bits >>> (8 * i)));
      }
    }
  }

  public short getShort(long offset) {
    check(offset, Short.BYTES);
    int within = within(offset);
    return within <= SEGMENT_BYTES - Short.BYTES
        ? segment(offset).getShort(within)
        : (short) straddling(offset, Short.BYTES);
  }

  public long getLong(long offset) {
    check(offset, Long.BYTES);
    return within(offset) <= SEGMENT_BYTES - Long.BYTES
        ? segment(offset).getLong(within(offset))
        : (straddling(offset, Integer.BYTES) & 0xffffffffL)
            | ((long) straddling(offset + Integer.BYTES, Integer.BYTES) << Integer.SIZE);
  }

  public void putLong(long offset, long value) {
    check(offset, Long.BYTES);
    if (within(offset) <= SEGMENT_BYTES - Long.BYTES) {
      segment(offset).putLong(within(offset), value);
      return;
    }
    for (int i = 0; i < Long.BYTES; i++) {
      putByte(offset + i, (byte) (value >>> (8 * i)));
    }
  }

  public byte getByte(long offset) {
    check(offset, 1);
    return segment(offset).get(within(offset));
  }

  public void putByte(long offset, byte value) {
    check(offset, 1);
    segment(offset).put(within(offset), value);
  }

  public void putShort(long offset, short value) {
    check(offset, Short.BYTES);
    segment(offset).put(within(offset), (byte) value);
    segment(offset + 1).put(within(offset + 1), (byte) (value >>> 8));
  }

  /** Copies {@code count} floats from {@code offset} bytes on into {@code target}. */
  public void read(long offset, float[] target, int from, int count) {
    check(offset, (long) count * Float.BYTES);
    int done = 0;
    while (done < count) {
      long at = offset + (long) done * Float.BYTES;
      int fit = Math.min(count - done, (SEGMENT_BYTES - within(at)) / Float.BYTES);
      if (fit == 0) {
        target[from + done] = getFloat(at);
        fit = 1;
      } else if (at % Float.BYTES == 0) {
        floats[index(at)].get(within(at) / Float.BYTES, target, from + done, fit);
      } else {
        unaligned(at, fit).get(target, from + done, fit);
      }
      done += fit;
    }
  }

  /** Copies {@code count} floats of {@code source} to {@code offset} bytes on. */
  public void write(long offset, float[] source, int from, int count) {
    check(offset, (long) count * Float.BYTES);
    int done = 0;
    while (done < count) {
      long at = offset + (long) done * Float.BYTES;
      int fit = Math.min(count - done, (SEGMENT_BYTES - within(at)) / Float.BYTES);
      if (fit == 0) {
        putFloat(at, source[from + done]);
        fit = 1;
      } else if (at % Float.BYTES == 0) {
        floats[index(at)].put(within(at) / Float.BYTES, source, from + done, fit);
      } else {
        unaligned(at, fit).put(source, from + done, fit);
      }
      done += fit;
    }
  }

  /** Copies {@code count} 16-bit values from {@code offset} bytes on into {@code target}. */
  public void readShorts(long offset, short[] target, int count) {
    check(offset, (long) count * Short.BYTES);
    if (count > 0 && index(offset) == index(offset + (long) count * Short.BYTES - 1)) {
      segment(offset)
          .slice(within(offset), count * Short.BYTES)
          .order(ByteOrder.LITTLE_ENDIAN)
          .asShortBuffer()
          .get(target, 0, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      target[i] = getShort(offset + (long) i * Short.BYTES);
    }
  }

  /** Copies {@code count} 16-bit values of {@code source} to {@code offset} bytes on. */
  public void writeShorts(long offset, short[] source, int count) {
    check(offset, (long) count * Short.BYTES);
    if (count > 0 && index(offset) == index(offset + (long) count * Short.BYTES - 1)) {
      segment(offset)
          .slice(within(offset), count * Short.BYTES)
          .order(ByteOrder.LITTLE_ENDIAN)
          .asShortBuffer()
          .put(source, 0, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      putShort(offset + (long) i * Short.BYTES, source[i]);
    }
  }

  /** Copies {@code count} 64-bit values of {@code source} to {@code offset} bytes on. */
  public void writeLongs(long offset, long[] source, int count) {
    check(offset, (long) count * Long.BYTES);
    if (count > 0 && index(offset) == index(offset + (long) count * Long.BYTES - 1)) {
      segment(offset)
          .slice(within(offset), count * Long.BYTES)
          .order(ByteOrder.LITTLE_ENDIAN)
          .asLongBuffer()
          .put(source, 0, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      putLong(offset + (long) i * Long.BYTES, source[i]);
    }
  }

  /** Copies {@code count} bytes from {@code offset} on into {@code target}. */
  public void readBytes(long offset, byte[] target, int from, int count) {
    check(offset, count);
    for (int done = 0; done < count; ) {
      int at = within(offset + done);
      int fit = Math.min(count - done, SEGMENT_BYTES - at);
      segment(offset + done).get(at, target, from + done, fit);
      done += fit;
    }
  }

  /** Copies {@code count} bytes of {@code source} to {@code offset} on. */
  public void writeBytes(long offset, byte[] source, int from, int count) {
    check(offset, count);
    for (int done = 0; done < count; ) {
      int at = within(offset + done);
      int fit = Math.min(count - done, SEGMENT_BYTES - at);
      segment(offset + done).put(at, source, from + done, fit);
      done += fit;
    }
  }

  /**
   * Copies bytes from another block, or from a part of this one that does not overlap. Within the
   * memory of a device the device does it, when what it was asked for before is done.
   */
  public void copyFrom(Memory source, long sourceOffset, long offset, long count) {
    MemoryOwner both = ownerWith(source);
    if (both != null) {
      long[] piece = new long[MemoryOwner.PIECE_WORDS];
      source.piece(sourceOffset, this, offset, count, piece, 0);
      both.copy(piece, 1);
      return;
    }
    source.check(sourceOffset, count);
    check(offset, count);
    long done = 0;
    while (done < count) {
      int from = within(sourceOffset + done);
      int to = within(offset + done);
      int fit = (int) Math.min(count - done, SEGMENT_BYTES - (long) Math.max(from, to));
      segment(offset + done).put(to, source.segment(sourceOffset + done), from, fit);
      done += fit;
    }
  }

  /** Who owns this block and another one; null for the host, or if it is not the same. */
  MemoryOwner ownerWith(Memory other) {
    return owner == other.owner ? owner : null;
  }

  /** Writes the addresses and the size of bytes to be copied from here, from {@code at} on. */
  void piece(long offset, Memory target, long targetOffset, long count, long[] words, int at) {
    inside(offset, count);
    target.inside(targetOffset, count);
    words[at] = address + offset;
    words[at + 1] = target.address + targetOffset;
    words[at + 2] = count;
  }

  /** Writes {@code count} bytes from {@code offset} on to a place in a file. */
  public void writeTo(FileChannel channel, long position, long offset, long count)
      throws IOException {
    check(offset, count);
    for (long done = 0; done < count; ) {
      int at = within(offset + done);
      int fit = (int) Math.min(count - done, SEGMENT_BYTES - (long) at);
      ByteBuffer piece = segment(offset + done).slice(at, fit);
      while (piece.hasRemaining()) {
        done += channel.write(piece, position + done);
      }
    }
  }

  /** A pointer to the floats from {@code offset} bytes on; valid until this block is closed. */
  public FloatPointer floats(long offset, long count) {
    check(offset, Math.multiplyExact(count, (long) Float.BYTES));
    return new FloatPointer(new Address(address + offset)).capacity(count);
  }

  /** A pointer to the doubles from {@code offset} bytes on; valid until this block is closed. */
  public DoublePointer doubles(long offset, long count) {
    check(offset, Math.multiplyExact(count, (long) Double.BYTES));
    return new DoublePointer(new Address(address + offset)).capacity(count);
  }

  private static int within(long offset) {
    return (int) (offset & (SEGMENT_BYTES - 1));
  }

  private static int index(long offset) {
    return (int) (offset >>> SEGMENT_BITS);
  }

  private ByteBuffer segment(long offset) {
    return segments[index(offset)];
  }

  private FloatBuffer unaligned(long offset, int count) {
    return segment(offset)
        .slice(within(offset), count * Float.BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer();
  }

  private int straddling(long offset, int bytes) {
    int bits = 0;
    for (int i = 0; i < bytes; i++) {
      bits |= (segment(offset + i).get(within(offset + i)) & 0xff) << (8 * i);
    }
    return bits;
  }

  /** Before every access of the host. */
  private void check(long offset, long count) {
    inside(offset, count);
    if (owner != null) {
      owner.finish();
    }
  }

  private void inside(long offset, long count) {
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

  /** A bare machine address; freeing it is left to whoever allocated it. */
  private static final class Address extends Pointer {
    Address(long address) {
      this.address = address;
    }
  }
}
