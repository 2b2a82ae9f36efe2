package org.longform.kernels.weights.checkpoint;

import org.longform.kernels.tensor.Shape;

/**
 * A matrix whose rows lie one behind the other, with steps, and zero points if it has any, on a
 * grid.
 *
 * @param zeros empty if there are none
 */
record GridMatrix(Shape shape, RowCodes codes, StepGrid grid, float[] steps, float[] zeros)
    implements QuantisedMatrix {

  /** The stored levels of a matrix. */
  interface RowCodes extends AutoCloseable {
    /** Puts the levels of a row to {@code target[at…]}. */
    void read(long row, float[] target, int at);

    @Override
    void close();
  }

  @Override
  public void read(int first, int count, float[] levels, float[] target) {
    int columns = (int) shape.axis(1);
    for (int row = 0; row < count; row++) {
      int at = row * columns;
      codes.read(first + (long) row, levels, at);
      if (zeros.length > 0) {
        grid.subtract(zeros, first + row, levels, at);
      }
      grid.spread(steps, first + row, target, at);
    }
  }

  @Override
  public void close() {
    codes.close();
  }
}
