package org.longform.kernels.model;

import org.longform.kernels.tensor.Tensor;

/** Sees what the projections of a forward pass are applied to, before they are. */
@FunctionalInterface
public interface ProjectionObserver {
  /** Nobody watches. */
  ProjectionObserver NONE = (layer, input, x) -> {};

  /**
   * @param x (T, I) float32, to be read before the call returns and not to be changed; of the last
   *     layer of an ordinary pass only the rows that somebody needs
   */
  void sees(int layer, ProjectionInput input, Tensor x);
}
