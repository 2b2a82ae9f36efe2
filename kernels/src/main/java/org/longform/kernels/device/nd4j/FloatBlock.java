package org.longform.kernels.device.nd4j;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;

/** Floats off the heap that grow on demand, seen by Java as a buffer and by BLAS as a pointer. */
final class FloatBlock {
  private FloatBuffer buffer = FloatBuffer.allocate(0);
  private FloatPointer pointer = new FloatPointer();

  /** Makes room for {@code count} floats; what was in the block is lost when it grows. */
  FloatBlock reserve(int count) {
    if (buffer.capacity() < count) {
      buffer =
          ByteBuffer.allocateDirect(Math.multiplyExact(count, Float.BYTES))
              .order(ByteOrder.nativeOrder())
              .asFloatBuffer();
      pointer = new FloatPointer(buffer);
    }
    return this;
  }

  void write(int at, float[] source, int count) {
    buffer.put(at, source, 0, count);
  }

  void read(int at, float[] target, int offset, int count) {
    buffer.get(at, target, offset, count);
  }

  FloatPointer pointer() {
    return pointer;
  }
}
