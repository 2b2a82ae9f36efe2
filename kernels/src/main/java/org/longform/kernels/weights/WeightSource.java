package org.longform.kernels.weights;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * Named tensors of a model on disk. The tensors are views, or computed from such, and live until
 * the source is closed; who is done with one may close it, which gives back what it alone takes.
 */
public interface WeightSource extends AutoCloseable {
  Set<String> names();

  /** The files: another source if this one computes its tensors from it. */
  default WeightSource origin() {
    return this;
  }

  /**
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL naming file, tensor, found
   *     and expected if it is missing or has another shape
   */
  Tensor tensor(String name, Shape expected);

  boolean contains(String name);

  /** The shape of a tensor; empty if it is missing. */
  Optional<Shape> shape(String name);

  /** Bytes of all tensors. */
  long bytes();

  /**
   * How tensors are stored and what those that were asked for became, where that is more than a
   * view of the file: sentences without a full stop.
   */
  default List<String> storageNotes() {
    return List.of();
  }

  @Override
  void close();
}
