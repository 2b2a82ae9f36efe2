package org.longform.kernels.weights;

import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;

/** A tensor that is to be written. */
public record TensorSpec(String name, DType dtype, Shape shape) {
  long bytes() {
    return dtype.bytes(shape.elements());
  }
}
