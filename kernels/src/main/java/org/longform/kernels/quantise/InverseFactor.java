package org.longform.kernels.quantise;

import static org.bytedeco.openblas.global.openblas.LAPACKE_dpotrf;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dpotri;
import static org.bytedeco.openblas.global.openblas.LAPACK_COL_MAJOR;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.DoublePointer;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Memory;

/**
 * The upper triangular U with {@code UᵀU} = the inverse of a damped {@link Hessian}, its columns in
 * the order in which they will be quantised. Row j of U says how the columns after j make up for an
 * error of column j.
 */
final class InverseFactor implements AutoCloseable {
  // a column-major lower triangle is a row-major upper one
  private static final byte LOWER = 'L';

  private final int width;
  private final int[] order;
  private final boolean[] dead;
  private final Memory factor;

  private InverseFactor(int width, int[] order, boolean[] dead) {
    this.width = width;
    this.order = order;
    this.dead = dead;
    this.factor = Memory.allocate((long) width * width * Double.BYTES);
  }

  /**
   * @param damp this part of the mean of the diagonal is added to it
   * @param byActivation the columns with the largest diagonal first, else as they come
   * @throws LongformException INVALID_INPUT if the matrix cannot be inverted
   */
  static InverseFactor of(Hessian hessian, double damp, boolean byActivation) {
    double[] diagonal = hessian.diagonal();
    boolean[] dead = new boolean[diagonal.length];
    for (int i = 0; i < diagonal.length; i++) {
      dead[i] = diagonal[i] == 0;
      diagonal[i] = dead[i] ? 1 : diagonal[i];
    }
    InverseFactor made = new InverseFactor(diagonal.length, order(diagonal, byActivation), dead);
    try {
      made.fill(hessian, damp * Arrays.stream(diagonal).average().orElse(0));
      made.invert(damp);
      return made;
    } catch (Throwable e) {
      made.close();
      throw e;
    }
  }

  private static int[] order(double[] diagonal, boolean byActivation) {
    IntStream all = IntStream.range(0, diagonal.length);
    return byActivation
        ? all.boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> -diagonal[i]))
            .mapToInt(Integer::intValue)
            .toArray()
        : all.toArray();
  }

  private void fill(Hessian hessian, double added) {
    int[] place = new int[width];
    for (int i = 0; i < width; i++) {
      place[order[i]] = i;
    }
    double[] row = new double[width];
    DoublePointer target = all();
    for (int i = 0; i < width; i++) {
      hessian.row(i, row);
      row[i] = (dead[i] ? 1 : row[i]) + added;
      for (int j = i; j < width; j++) {
        int first = Math.min(place[i], place[j]);
        int second = Math.max(place[i], place[j]);
        target.put((long) first * width + second, row[j]);
      }
    }
  }

  private void invert(double damp) {
    DoublePointer a = all();
    int status = LAPACKE_dpotrf(LAPACK_COL_MAJOR, LOWER, width, a, width);
    if (status == 0) {
      status = LAPACKE_dpotri(LAPACK_COL_MAJOR, LOWER, width, a, width);
    }
    if (status == 0) {
      status = LAPACKE_dpotrf(LAPACK_COL_MAJOR, LOWER, width, a, width);
    }
    if (status != 0) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot quantise with the calibration text: what the model computes of it leaves a matrix of %d columns that cannot be inverted (damp %s). Give more text, or a larger damp."
              .formatted(width, damp));
    }
  }

  private DoublePointer all() {
    return factor.doubles(0, (long) width * width);
  }

  int width() {
    return width;
  }

  /** The column of the weights that is quantised as number {@code place}. */
  int column(int place) {
    return order[place];
  }

  /** Whether no input ever had a value in this column: its weights do not matter. */
  boolean isDead(int column) {
    return dead[column];
  }

  /** U[row, from…to) by places, for from at or after row. */
  void read(int row, int from, int to, double[] target) {
    at(row, from, to - from).get(target, 0, to - from);
  }

  /** From U[row, from] on, rows {@link #width} apart. */
  DoublePointer at(int row, int from, long count) {
    return factor.doubles(((long) row * width + from) * Double.BYTES, count);
  }

  @Override
  public void close() {
    factor.close();
  }
}
