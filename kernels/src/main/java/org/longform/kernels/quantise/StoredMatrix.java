package org.longform.kernels.quantise;

import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.HalfFloats;
import org.longform.kernels.tensor.LevelBlock;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * A quantised matrix in the type it is stored in: blocks that hold its levels and scales, or F16
 * with the values they stand for. Several threads may put different rows.
 */
final class StoredMatrix implements AutoCloseable {
  private final Shape shape;
  private final DType dtype;
  private final Memory memory;

  StoredMatrix(Shape shape, DType dtype) {
    this.shape = shape;
    this.dtype = dtype;
    this.memory = Memory.allocate(dtype.bytes(shape.elements()));
  }

  /**
   * @param steps one for each {@code group} neighbours
   */
  void put(long row, int[] levels, Step[] steps, int group) {
    if (!dtype.isQuantised()) {
      float[] values = new float[levels.length];
      for (int i = 0; i < values.length; i++) {
        values[i] = steps[i / group].value(levels[i]);
      }
      put(row * levels.length, values, values.length);
      return;
    }
    LevelBlock format = LevelBlock.of(dtype);
    long at = dtype.bytes(row * levels.length);
    for (int i = 0; i < levels.length; i += dtype.blockElements()) {
      format.pack(steps[i / group].half(), levels, i, memory, at + dtype.bytes(i));
    }
  }

  /** Values from a flat index on; of an F16 matrix only. */
  void put(long from, float[] values, int count) {
    for (int i = 0; i < count; i++) {
      memory.putShort((from + i) * Short.BYTES, HalfFloats.toF16(values[i]));
    }
  }

  /** A view, valid until this is closed. */
  Tensor tensor() {
    return Tensor.view(dtype, shape, memory, 0);
  }

  @Override
  public void close() {
    memory.close();
  }
}
