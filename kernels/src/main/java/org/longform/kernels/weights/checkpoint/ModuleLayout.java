package org.longform.kernels.weights.checkpoint;

import java.util.Set;
import org.longform.kernels.tensor.Shape;

/**
 * How one checkpoint stores the matrices of its modules. The tensors of a module have its name and
 * an ending, such as {@code .qweight}.
 */
public interface ModuleLayout {
  /** The format and its parameters, as the beginning of a sentence. */
  String description();

  /** Endings of tensors that plain weights do not have; none of them is the end of another. */
  Set<String> endings();

  /** Whether a tensor of this ending and dtype is the main one of a quantised matrix. */
  boolean isMain(String ending, String dtype);

  /**
   * The shape (O, N) that the matrix stands for.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL if its tensors do not fit
   */
  Shape shape(StoredModule module);

  /**
   * The matrix, whose tensors were checked; closing it closes them.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL naming the tensor, what was
   *     found and expected
   */
  QuantisedMatrix open(StoredModule module);
}
