package org.longform.kernels.device.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.ConcurrentLinkedDeque;
import org.bytedeco.javacpp.BytePointer;

/**
 * Memory for the structs of one native call. {@link #reserve} says how much is needed before the
 * first address is taken; then structs are written one after the other.
 */
final class CallBuffer {
  private static final ConcurrentLinkedDeque<CallBuffer> IDLE = new ConcurrentLinkedDeque<>();

  private ByteBuffer bytes = ByteBuffer.allocateDirect(0);
  private long address;

  private CallBuffer() {}

  /** One that nobody uses; to be given back. */
  static CallBuffer borrow() {
    CallBuffer idle = IDLE.pollFirst();
    return idle == null ? new CallBuffer() : idle;
  }

  void giveBack() {
    IDLE.addFirst(this);
  }

  /** Empties the buffer and makes room. */
  CallBuffer reserve(long size) {
    if (bytes.capacity() < size) {
      bytes =
          ByteBuffer.allocateDirect(Math.toIntExact(size + size / 2))
              .order(ByteOrder.nativeOrder());
      address = new BytePointer(bytes).address();
    }
    bytes.clear();
    return this;
  }

  /** Where the next value goes. */
  long address() {
    return address + bytes.position();
  }

  CallBuffer put(long value) {
    bytes.putLong(value);
    return this;
  }

  CallBuffer put(double value) {
    bytes.putDouble(value);
    return this;
  }

  CallBuffer putInts(int[] values) {
    bytes.asIntBuffer().put(values);
    bytes.position(bytes.position() + values.length * Integer.BYTES);
    return this;
  }

  CallBuffer putAll(long[] values, int count) {
    bytes.asLongBuffer().put(values, 0, count);
    bytes.position(bytes.position() + count * Long.BYTES);
    return this;
  }

  CallBuffer putAll(double[] values) {
    bytes.asDoubleBuffer().put(values);
    bytes.position(bytes.position() + values.length * Double.BYTES);
    return this;
  }

  /** Bytes 0 and 1, padded to whole words. */
  CallBuffer putFlags(boolean[][] rows) {
    for (boolean[] row : rows) {
      for (boolean flag : row) {
        bytes.put((byte) (flag ? 1 : 0));
      }
    }
    while (bytes.position() % Long.BYTES != 0) {
      bytes.put((byte) 0);
    }
    return this;
  }
}
