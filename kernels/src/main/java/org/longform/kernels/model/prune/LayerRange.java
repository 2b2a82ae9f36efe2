package org.longform.kernels.model.prune;

/**
 * Layers from {@code first} to {@code last}, both inclusive, from 0; none if last is before first.
 */
public record LayerRange(int first, int last) {
  /** No layer. */
  public static final LayerRange NONE = new LayerRange(0, -1);

  /**
   * The layers of the paper: all but the first 4 and the last 2 of 32, and the same parts of other
   * depths; a model of less than 8 layers has none to spare.
   */
  public static LayerRange usual(int layers) {
    return new LayerRange(layers / 8, layers - layers / 16 - 1);
  }

  public boolean contains(int layer) {
    return first <= layer && layer <= last;
  }

  @Override
  public String toString() {
    return first > last ? "none" : first + "-" + last;
  }
}
