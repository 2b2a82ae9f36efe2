package org.longform.kernels.weights.checkpoint;

import org.longform.kernels.tensor.Shape;

/**
 * A matrix (O, N) each of whose elements is a step times a level. Several threads may read it at
 * once.
 */
public interface QuantisedMatrix extends AutoCloseable {
  /** Rows are read in parts that begin at multiples of this, up to the next one or the end. */
  int ROWS_AT_ONCE = 8;

  Shape shape();

  /**
   * Reads {@code count} rows from {@code first} on, row after row.
   *
   * @param first a multiple of {@link #ROWS_AT_ONCE}
   * @param levels gets the level of each element, less the zero point
   * @param steps gets the step of each element, a finite number
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL if a level is no finite
   *     number
   */
  void read(int first, int count, float[] levels, float[] steps);

  @Override
  void close();
}
