package org.longform.kernels.model;

import java.util.Map;
import org.longform.kernels.tensor.DType;

/**
 * The types that the matrices of a written model get.
 *
 * @param mostly what the file is said to be of
 * @param others of the matrices that have no type of their own
 * @param named types of their own by the names of the model that is read; the weights there have
 *     them already
 */
public record MatrixTypes(DType mostly, DType others, Map<String, DType> named) {
  public MatrixTypes {
    named = Map.copyOf(named);
  }

  static MatrixTypes all(DType dtype) {
    return new MatrixTypes(dtype, dtype, Map.of());
  }

  /** Whether any matrix is stored in blocks. */
  public boolean anyQuantised() {
    return mostly.isQuantised()
        || others.isQuantised()
        || named.values().stream().anyMatch(DType::isQuantised);
  }
}
