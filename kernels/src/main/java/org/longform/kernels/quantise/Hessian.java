package org.longform.kernels.quantise;

import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.CblasUpper;
import static org.bytedeco.openblas.global.openblas.cblas_dsyrk;

import org.bytedeco.javacpp.DoublePointer;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Tensor;

/**
 * {@code H = (2/n) sum of x xᵀ} over the inputs x of a projection: what the squared error of its
 * output is curved like in each row of its weights. (I, I) in float64, off the heap, of which the
 * upper triangle is kept.
 */
final class Hessian implements AutoCloseable {
  private static final int ROWS_AT_ONCE = 256;

  private final int width;
  private final Memory sums;
  private final Memory inputs;
  private long count;

  /**
   * @param width I
   */
  Hessian(int width) {
    this.width = width;
    this.sums = Memory.allocate((long) width * width * Double.BYTES);
    this.inputs = Memory.allocate((long) ROWS_AT_ONCE * width * Double.BYTES);
  }

  int width() {
    return width;
  }

  /** Adds the rows of x (T, I). */
  void add(Tensor x) {
    float[] row = new float[width];
    double[] wide = new double[width];
    int total = Math.toIntExact(x.rows());
    for (int first = 0; first < total; first += ROWS_AT_ONCE) {
      int rows = Math.min(ROWS_AT_ONCE, total - first);
      for (int r = 0; r < rows; r++) {
        x.read((long) (first + r) * width, row);
        for (int i = 0; i < width; i++) {
          wide[i] = row[i];
        }
        inputs.doubles((long) r * width * Double.BYTES, width).put(wide);
      }
      cblas_dsyrk(
          CblasRowMajor,
          CblasUpper,
          CblasTrans,
          width,
          rows,
          1,
          inputs.doubles(0, (long) rows * width),
          width,
          1,
          all(),
          width);
    }
    count += total;
  }

  private DoublePointer all() {
    return sums.doubles(0, (long) width * width);
  }

  /** Row i from its diagonal element on, at its own places; the others are left. */
  void row(int i, double[] target) {
    sums.doubles(((long) i * width + i) * Double.BYTES, width - i).get(target, i, width - i);
    double factor = count == 0 ? 0 : 2.0 / count;
    for (int j = i; j < width; j++) {
      target[j] *= factor;
    }
  }

  double[] diagonal() {
    double[] row = new double[width];
    double[] diagonal = new double[width];
    for (int i = 0; i < width; i++) {
      row(i, row);
      diagonal[i] = row[i];
    }
    return diagonal;
  }

  @Override
  public void close() {
    inputs.close();
    sums.close();
  }
}
