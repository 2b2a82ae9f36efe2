package org.longform.kernels.model.gradient;

import java.util.Arrays;
import org.longform.kernels.tensor.Tensor;

/**
 * A matrix (rows, columns) of a model, or a vector as one with one column, and the derivatives of
 * the loss by its values.
 */
public final class Parameter {
  private final String name;
  private final int rows;
  private final int columns;
  private final double[] values;
  // of the sample being read, and over all samples the mean and the mean square
  private final double[] ofSample;
  private final double[] gradient;
  private final double[] squares;

  private Parameter(String name, int rows, int columns, double[] values, int derivatives) {
    this.name = name;
    this.rows = rows;
    this.columns = columns;
    this.values = values;
    this.ofSample = new double[derivatives];
    this.gradient = new double[derivatives];
    this.squares = new double[derivatives];
  }

  /** One whose derivatives are wanted. */
  static Parameter variable(String name, Tensor tensor) {
    double[] values = values(tensor);
    return new Parameter(
        name, Math.toIntExact(tensor.rows()), columns(tensor), values, values.length);
  }

  /** One that is only computed with. */
  static Parameter constant(String name, Tensor tensor) {
    return new Parameter(name, Math.toIntExact(tensor.rows()), columns(tensor), values(tensor), 0);
  }

  private static int columns(Tensor tensor) {
    return Math.toIntExact(tensor.shape().rowElements());
  }

  private static double[] values(Tensor tensor) {
    int rows = Math.toIntExact(tensor.rows());
    int columns = columns(tensor);
    double[] values = new double[Math.multiplyExact(rows, columns)];
    float[] row = new float[columns];
    for (int r = 0; r < rows; r++) {
      tensor.read((long) r * columns, row);
      for (int c = 0; c < columns; c++) {
        values[r * columns + c] = row[c];
      }
    }
    return values;
  }

  /** Its name in the model file. */
  public String name() {
    return name;
  }

  public int rows() {
    return rows;
  }

  public int columns() {
    return columns;
  }

  /** (rows, columns), to be read only. */
  public double[] values() {
    return values;
  }

  /** (rows, columns): derivative of the loss, the mean over the samples; to be read only. */
  public double[] gradient() {
    return gradient;
  }

  /**
   * (rows, columns): mean over the samples of the squared derivative of each sample's loss, which
   * is the diagonal of the empirical Fisher matrix; to be read only.
   */
  public double[] squares() {
    return squares;
  }

  boolean isConstant() {
    return ofSample.length < values.length;
  }

  /** Where a sample's derivatives are added. */
  double[] ofSample() {
    return ofSample;
  }

  /** Forgets the derivatives of the sample. */
  void dropSample() {
    Arrays.fill(ofSample, 0);
  }

  /** Takes what one of {@code samples} samples gave and begins the next. */
  void endSample(int samples) {
    for (int i = 0; i < ofSample.length; i++) {
      gradient[i] += ofSample[i] / samples;
      squares[i] += ofSample[i] * ofSample[i] / samples;
      ofSample[i] = 0;
    }
  }
}
