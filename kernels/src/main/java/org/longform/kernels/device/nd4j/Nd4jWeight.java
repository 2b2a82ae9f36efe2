package org.longform.kernels.device.nd4j;

import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.javacpp.FloatPointer;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A weight as a float32 ND4J array. Float32 tensors are used where they lie; 16-bit ones are
 * widened into an array of their own, which takes 4 bytes an element beside the mapped file.
 */
final class Nd4jWeight implements Weight {
  private static final int STEP = 1 << 16;

  private final Shape shape;
  private final FloatPointer values;
  private final long ownedBytes;
  private final Runnable release;
  private final AtomicBoolean closed = new AtomicBoolean();

  private Nd4jWeight(Shape shape, FloatPointer values, long ownedBytes, Runnable release) {
    this.shape = shape;
    this.values = values;
    this.ownedBytes = ownedBytes;
    this.release = release;
  }

  static Nd4jWeight of(Weight weight) {
    return (Nd4jWeight) weight;
  }

  static Nd4jWeight load(Tensor stored) {
    long elements = stored.elements();
    if (elements == 0) {
      throw new IllegalArgumentException(
          "Cannot make a weight of %s: it has no element.".formatted(stored.shape()));
    }
    if (stored.dtype() == DType.F32 && stored.address() % Float.BYTES == 0) {
      FloatPointer values = stored.memory().floats(stored.byteOffset(), elements);
      // the memory belongs to the weight source
      return new Nd4jWeight(stored.shape(), values, 0, () -> {});
    }
    INDArray array = Nd4j.createUninitialized(DataType.FLOAT, elements);
    try {
      FloatPointer values = new FloatPointer(array.data().addressPointer());
      widen(stored, values);
      return new Nd4jWeight(stored.shape(), values, elements * Float.BYTES, array::close);
    } catch (RuntimeException | Error e) {
      array.close();
      throw e;
    }
  }

  private static void widen(Tensor stored, FloatPointer target) {
    float[] some = new float[(int) Math.min(STEP, stored.elements())];
    FloatPointer at = new FloatPointer(target);
    for (long done = 0; done < stored.elements(); done += some.length) {
      int count = (int) Math.min(some.length, stored.elements() - done);
      stored.read(done, some, 0, count);
      at.position(done).put(some, 0, count);
    }
  }

  /** Where the elements lie, row after row. */
  FloatPointer values() {
    if (closed.get()) {
      throw new IllegalStateException("Cannot use a weight %s: it is closed.".formatted(shape));
    }
    return values;
  }

  /** A copy of one row of a matrix. */
  float[] row(long index) {
    float[] copy = new float[Math.toIntExact(shape.rowElements())];
    read(index * copy.length, copy);
    return copy;
  }

  /** A copy of all elements of a vector. */
  float[] vector() {
    float[] copy = new float[Math.toIntExact(shape.elements())];
    read(0, copy);
    return copy;
  }

  private void read(long from, float[] target) {
    if (from < 0 || from > shape.elements() - target.length) {
      throw new IndexOutOfBoundsException(
          "Cannot read elements %d to %d of a weight %s."
              .formatted(from, from + target.length, shape));
    }
    new FloatPointer(values()).position(from).get(target);
  }

  @Override
  public Shape shape() {
    return shape;
  }

  @Override
  public long ownedBytes() {
    return ownedBytes;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      release.run();
    }
  }
}
