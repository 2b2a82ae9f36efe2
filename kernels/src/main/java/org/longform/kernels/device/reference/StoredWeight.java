package org.longform.kernels.device.reference;

import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/** A weight used where it lies, in its file's dtype. */
record StoredWeight(Tensor tensor) implements Weight {
  static Tensor of(Weight weight) {
    return ((StoredWeight) weight).tensor();
  }

  @Override
  public Shape shape() {
    return tensor.shape();
  }

  @Override
  public long ownedBytes() {
    return 0;
  }

  @Override
  public void close() {
    // the memory belongs to the weight source
  }
}
