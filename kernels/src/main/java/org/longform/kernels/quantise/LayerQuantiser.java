package org.longform.kernels.quantise;

/** A method with its parameters: quantises one layer after the other, from the first on. */
public interface LayerQuantiser {
  /** How matrices with rows of this width are stored. */
  Storage storage(int width);

  /**
   * Replaces every matrix of the layer by its final form, and where the method is calibrated brings
   * the texts through the layer: before the change or after it.
   */
  void quantise(LayerEdit layer);
}
