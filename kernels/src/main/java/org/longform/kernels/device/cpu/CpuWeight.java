package org.longform.kernels.device.cpu;

import java.util.concurrent.atomic.AtomicBoolean;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * A weight used where it lies, in its file's dtype, so that the processes of one machine share it.
 * Only vectors (norms, biases) are widened to float32.
 */
class CpuWeight implements Weight {
  private final Tensor values;
  private final boolean widened;
  private final AtomicBoolean closed = new AtomicBoolean();

  CpuWeight(Tensor values, boolean widened) {
    this.values = values;
    this.widened = widened;
  }

  static CpuWeight of(Weight weight) {
    return (CpuWeight) weight;
  }

  static CpuWeight load(Tensor stored) {
    if (stored.elements() == 0) {
      throw new IllegalArgumentException(
          "Cannot make a weight of %s: it has no element.".formatted(stored.shape()));
    }
    return stored.shape().rank() == 1 && stored.dtype() != DType.F32
        ? new CpuWeight(Tensor.of(stored.toArray(), stored.elements()), true)
        : new CpuWeight(stored, false);
  }

  /** As they are used on the host. */
  Tensor values() {
    return values;
  }

  DType dtype() {
    return values.dtype();
  }

  long address() {
    if (closed.get()) {
      throw new IllegalStateException("Cannot use a weight %s: it is closed.".formatted(shape()));
    }
    return values.address();
  }

  @Override
  public Shape shape() {
    return values.shape();
  }

  @Override
  public long ownedBytes() {
    return widened ? values.elements() * Float.BYTES : 0;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true) && widened) {
      values.close();
    }
  }
}
