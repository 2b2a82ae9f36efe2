package org.longform.kernels.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/** Memory of the host, read and written where it lies. */
final class HostMemory extends Memory {
  // a buffer has 31-bit offsets, so that a larger block is seen through several
  private static final int SEGMENT_BITS = 30;
  private static final int SEGMENT_BYTES = 1 << SEGMENT_BITS;

  private final ByteBuffer[] segments;
  private final FloatBuffer[] floats;

  private HostMemory(long address, long size, ByteBuffer[] segments, Runnable release) {
    super(address, size, release);
    this.segments = segments;
    this.floats = new FloatBuffer[segments.length];
    for (int i = 0; i < segments.length; i++) {
      segments[i].order(ByteOrder.LITTLE_ENDIAN);
      floats[i] = segments[i].asFloatBuffer();
    }
  }

  /** A block that was allocated; {@code release} gives it back. */
  static HostMemory at(long address, long size, Runnable release) {
    ByteBuffer[] segments = new ByteBuffer[segmentCount(size)];
    for (int i = 0; i < segments.length; i++) {
      long from = (long) i << SEGMENT_BITS;
      segments[i] =
          new BytePointer(new Address(address + from))
              .capacity(Math.min(SEGMENT_BYTES, size - from))
              .asByteBuffer();
    }
    return new HostMemory(address, size, segments, release);
  }

  /** Memory of a direct buffer from its position on. */
  static HostMemory of(ByteBuffer direct, Runnable release) {
    ByteBuffer whole = direct.slice();
    ByteBuffer[] segments = new ByteBuffer[segmentCount(whole.capacity())];
    for (int i = 0; i < segments.length; i++) {
      int from = i << SEGMENT_BITS;
      segments[i] = whole.slice(from, Math.min(SEGMENT_BYTES, whole.capacity() - from));
    }
    return new HostMemory(new BytePointer(whole).address(), whole.capacity(), segments, release);
  }

  private static int segmentCount(long size) {
    return Math.toIntExact((size + SEGMENT_BYTES - 1) >>> SEGMENT_BITS);
  }

  @Override
  public long address(long offset, MemoryOwner reader) {
    check(offset, 0);
    return address + offset;
  }

  @Override
  MemoryOwner owner() {
    return null;
  }

  @Override
  public float getFloat(long offset) {
    check(offset, Float.BYTES);
    int within = within(offset);
    return within <= SEGMENT_BYTES - Float.BYTES
        ? segment(offset).getFloat(within)
        : Float.intBitsToFloat(straddling(offset, Float.BYTES));
  }

  @Override
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

  @Override
  public short getShort(long offset) {
    check(offset, Short.BYTES);
    int within = within(offset);
    return within <= SEGMENT_BYTES - Short.BYTES
        ? segment(offset).getShort(within)
        : (short) straddling(offset, Short.BYTES);
  }

  @Override
  public long getLong(long offset) {
    check(offset, Long.BYTES);
    return within(offset) <= SEGMENT_BYTES - Long.BYTES
        ? segment(offset).getLong(within(offset))
        : (straddling(offset, Integer.BYTES) & 0xffffffffL)
            | ((long) straddling(offset + Integer.BYTES, Integer.BYTES) << Integer.SIZE);
  }

  @Override
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

  @Override
  public byte getByte(long offset) {
    check(offset, 1);
    return segment(offset).get(within(offset));
  }

  @Override
  public void putByte(long offset, byte value) {
    check(offset, 1);
    segment(offset).put(within(offset), value);
  }

  @Override
  public void putShort(long offset, short value) {
    check(offset, Short.BYTES);
    segment(offset).put(within(offset), (byte) value);
    segment(offset + 1).put(within(offset + 1), (byte) (value >>> 8));
  }

  @Override
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

  @Override
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

  @Override
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

  @Override
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

  @Override
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

  @Override
  public void readBytes(long offset, byte[] target, int from, int count) {
    check(offset, count);
    for (int done = 0; done < count; ) {
      int at = within(offset + done);
      int fit = Math.min(count - done, SEGMENT_BYTES - at);
      segment(offset + done).get(at, target, from + done, fit);
      done += fit;
    }
  }

  @Override
  public void writeBytes(long offset, byte[] source, int from, int count) {
    check(offset, count);
    for (int done = 0; done < count; ) {
      int at = within(offset + done);
      int fit = Math.min(count - done, SEGMENT_BYTES - at);
      segment(offset + done).put(at, source, from + done, fit);
      done += fit;
    }
  }

  @Override
  void copyHere(HostMemory source, long sourceOffset, long offset, long count) {
    long done = 0;
    while (done < count) {
      int from = within(sourceOffset + done);
      int to = within(offset + done);
      int fit = (int) Math.min(count - done, SEGMENT_BYTES - (long) Math.max(from, to));
      segment(offset + done).put(to, source.segment(sourceOffset + done), from, fit);
      done += fit;
    }
  }

  @Override
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

  @Override
  public FloatPointer floats(long offset, long count) {
    check(offset, Math.multiplyExact(count, (long) Float.BYTES));
    return new FloatPointer(new Address(address + offset)).capacity(count);
  }

  @Override
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

  /** A bare machine address; freeing it is left to whoever allocated it. */
  private static final class Address extends Pointer {
    Address(long address) {
      this.address = address;
    }
  }
}
