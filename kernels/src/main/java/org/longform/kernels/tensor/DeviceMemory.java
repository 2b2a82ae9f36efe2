package org.longform.kernels.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;

/** Memory of a device: what the host reads or writes there is copied, in the device's order. */
final class DeviceMemory extends Memory {
  // of a copy to a file
  private static final long PIECE_BYTES = 1L << 22;
  private static final long SMALL_BYTES = 1L << 14;
  // of each thread, for what is copied often and is small
  private static final ThreadLocal<Memory> SMALL =
      ThreadLocal.withInitial(() -> wrap(ByteBuffer.allocateDirect((int) SMALL_BYTES), () -> {}));

  private final MemoryOwner owner;

  DeviceMemory(MemoryOwner owner, long address, long size, Runnable release) {
    super(address, size, release);
    this.owner = owner;
  }

  @Override
  public long address(long offset, MemoryOwner reader) {
    check(offset, 0);
    if (reader != owner) {
      throw new IllegalStateException(
          "Cannot give an address of a device's memory: whoever asks is not that device. Copy the bytes.");
    }
    return address + offset;
  }

  @Override
  MemoryOwner owner() {
    return owner;
  }

  @Override
  public float getFloat(long offset) {
    return Float.intBitsToFloat((int) one(offset, Float.BYTES, copy -> bits(copy.getFloat(0))));
  }

  private static long bits(float value) {
    return Float.floatToRawIntBits(value);
  }

  @Override
  public void putFloat(long offset, float value) {
    send(offset, Float.BYTES, copy -> copy.putFloat(0, value));
  }

  @Override
  public short getShort(long offset) {
    return (short) one(offset, Short.BYTES, copy -> copy.getShort(0));
  }

  @Override
  public void putShort(long offset, short value) {
    send(offset, Short.BYTES, copy -> copy.putShort(0, value));
  }

  @Override
  public long getLong(long offset) {
    return one(offset, Long.BYTES, copy -> copy.getLong(0));
  }

  @Override
  public void putLong(long offset, long value) {
    send(offset, Long.BYTES, copy -> copy.putLong(0, value));
  }

  @Override
  public byte getByte(long offset) {
    return (byte) one(offset, 1, copy -> copy.getByte(0));
  }

  @Override
  public void putByte(long offset, byte value) {
    send(offset, 1, copy -> copy.putByte(0, value));
  }

  @Override
  public void read(long offset, float[] target, int from, int count) {
    fetch(offset, (long) count * Float.BYTES, copy -> copy.read(0, target, from, count));
  }

  @Override
  public void write(long offset, float[] source, int from, int count) {
    send(offset, (long) count * Float.BYTES, copy -> copy.write(0, source, from, count));
  }

  @Override
  public void readShorts(long offset, short[] target, int count) {
    fetch(offset, (long) count * Short.BYTES, copy -> copy.readShorts(0, target, count));
  }

  @Override
  public void writeShorts(long offset, short[] source, int count) {
    send(offset, (long) count * Short.BYTES, copy -> copy.writeShorts(0, source, count));
  }

  @Override
  public void writeLongs(long offset, long[] source, int count) {
    send(offset, (long) count * Long.BYTES, copy -> copy.writeLongs(0, source, count));
  }

  @Override
  public void readBytes(long offset, byte[] target, int from, int count) {
    fetch(offset, count, copy -> copy.readBytes(0, target, from, count));
  }

  @Override
  public void writeBytes(long offset, byte[] source, int from, int count) {
    send(offset, count, copy -> copy.writeBytes(0, source, from, count));
  }

  @Override
  void copyHere(HostMemory source, long sourceOffset, long offset, long count) {
    owner.write(source.address(sourceOffset), address + offset, count);
  }

  /** Copies bytes from {@code offset} on, in bounds, to the host. */
  void copyThere(long offset, HostMemory target, long targetOffset, long count) {
    owner.read(address + offset, target.address(targetOffset), count);
  }

  @Override
  public void writeTo(FileChannel channel, long position, long offset, long count)
      throws IOException {
    check(offset, count);
    try (Memory copy = Memory.allocate(Math.min(count, PIECE_BYTES))) {
      for (long done = 0; done < count; done += PIECE_BYTES) {
        long some = Math.min(PIECE_BYTES, count - done);
        copy.copyFrom(this, offset + done, 0, some);
        copy.writeTo(channel, position + done, 0, some);
      }
    }
  }

  @Override
  public FloatPointer floats(long offset, long count) {
    throw new IllegalStateException("Cannot point into a device's memory. Copy the floats.");
  }

  @Override
  public DoublePointer doubles(long offset, long count) {
    throw new IllegalStateException("Cannot point into a device's memory. Copy the doubles.");
  }

  private long one(long offset, int bytes, ToLongFunction<Memory> value) {
    long[] one = new long[1];
    fetch(offset, bytes, copy -> one[0] = value.applyAsLong(copy));
    return one[0];
  }

  /** Gives the host a copy of bytes. */
  private void fetch(long offset, long count, Consumer<Memory> reader) {
    check(offset, count);
    onHost(
        count,
        copy -> {
          copy.copyFrom(this, offset, 0, count);
          reader.accept(copy);
        });
  }

  /** Copies bytes here that the host has written. */
  private void send(long offset, long count, Consumer<Memory> writer) {
    check(offset, count);
    onHost(
        count,
        copy -> {
          writer.accept(copy);
          copyFrom(copy, 0, offset, count);
        });
  }

  /** Lends so many bytes of the host, with anything in them. */
  private static void onHost(long count, Consumer<Memory> user) {
    if (count <= SMALL_BYTES) {
      user.accept(SMALL.get());
      return;
    }
    try (Memory copy = Memory.allocate(count)) {
      user.accept(copy);
    }
  }
}
