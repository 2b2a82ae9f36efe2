package org.longform.kernels.weights;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.HalfFloats;
import org.longform.kernels.tensor.Tensor;

/** Tensors as float16, where that is nearly what they are. */
public final class Halves {
  /**
   * What a weight may differ from what it stands for, as a part of the largest of its row: what a
   * float16 differs, unless the whole row is of very small or large numbers.
   */
  public static final double TOLERANCE = 0x1p-11;

  private Halves() {}

  /**
   * A float16 copy of a float32 tensor; empty if an element of it would differ by more than {@link
   * #TOLERANCE} of the largest of its row.
   */
  public static Optional<Tensor> of(Tensor tensor) {
    Tensor halves = Tensor.allocate(DType.F16, tensor.shape());
    AtomicBoolean near = new AtomicBoolean(true);
    try {
      LongStream.range(0, tensor.rows())
          .parallel()
          .filter(row -> !copy(tensor, row, halves))
          .forEach(row -> near.set(false));
    } catch (Throwable e) {
      halves.close();
      throw e;
    }
    if (near.get()) {
      return Optional.of(halves);
    }
    halves.close();
    return Optional.empty();
  }

  private static boolean copy(Tensor tensor, long row, Tensor halves) {
    float[] values = new float[Math.toIntExact(tensor.shape().rowElements())];
    short[] bits = new short[values.length];
    tensor.read(row * values.length, values);
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < values.length; i++) {
      bits[i] = HalfFloats.toF16(values[i]);
      double half = HalfFloats.fromF16(bits[i]);
      largest = Math.max(largest, Math.abs((double) values[i]));
      difference = Math.max(difference, Math.abs(half - values[i]));
    }
    halves.memory().writeShorts(row * values.length * Short.BYTES, bits, bits.length);
    return difference <= TOLERANCE * largest;
  }
}
