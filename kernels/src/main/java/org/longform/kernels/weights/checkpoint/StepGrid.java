package org.longform.kernels.weights.checkpoint;

import java.util.Arrays;
import org.longform.kernels.tensor.Shape;

/**
 * Which of several numbers belongs to each element of a matrix (O, N): one for all, one for each
 * row, for some neighbours of a row, or for a rectangle.
 *
 * @param rows that share numbers, one behind the other
 * @param perRow numbers of a row
 * @param place of each column among the numbers of its row
 */
record StepGrid(int rows, int perRow, int[] place) {
  /** Rectangles of so many rows and columns; those at the ends may be smaller. */
  static StepGrid blocks(Shape matrix, int rows, int columns) {
    int[] place = new int[(int) matrix.axis(1)];
    for (int i = 0; i < place.length; i++) {
      place[i] = i / columns;
    }
    return new StepGrid(rows, place[place.length - 1] + 1, place);
  }

  static StepGrid whole(Shape matrix) {
    return blocks(matrix, (int) matrix.axis(0), (int) matrix.axis(1));
  }

  static StepGrid rows(Shape matrix) {
    return blocks(matrix, 1, (int) matrix.axis(1));
  }

  /** The number of rows that the numbers of this matrix have. */
  int height(Shape matrix) {
    return (int) ((matrix.axis(0) + rows - 1) / rows);
  }

  /** Puts the numbers of a row of the matrix to {@code target[at…]}. */
  void spread(float[] numbers, int row, float[] target, int at) {
    int of = row / rows * perRow;
    if (perRow == 1) {
      Arrays.fill(target, at, at + place.length, numbers[of]);
      return;
    }
    for (int i = 0; i < place.length; i++) {
      target[at + i] = numbers[of + place[i]];
    }
  }

  /** Takes the numbers of a row of the matrix from {@code target[at…]}. */
  void subtract(float[] numbers, int row, float[] target, int at) {
    int of = row / rows * perRow;
    for (int i = 0; i < place.length; i++) {
      target[at + i] -= numbers[of + place[i]];
    }
  }
}
