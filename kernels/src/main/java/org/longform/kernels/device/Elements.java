package org.longform.kernels.device;

import java.util.function.DoubleUnaryOperator;
import org.longform.kernels.tensor.Tensor;

/** Operations on single elements and rows in plain Java, for devices without faster ones. */
final class Elements {
  private static final int PIECE = 4096;

  private Elements() {}

  /** x = f(x). */
  static void map(Tensor x, DoubleUnaryOperator f) {
    float[] some = new float[(int) Math.min(PIECE, x.elements())];
    for (long at = 0; at < x.elements(); at += some.length) {
      int count = (int) Math.min(some.length, x.elements() - at);
      x.read(at, some, 0, count);
      for (int i = 0; i < count; i++) {
        some[i] = (float) f.applyAsDouble(some[i]);
      }
      x.write(at, some, 0, count);
    }
  }

  /** x *= y. */
  static void multiply(Tensor x, Tensor y) {
    float[] a = new float[(int) Math.min(PIECE, x.elements())];
    float[] b = new float[a.length];
    for (long at = 0; at < x.elements(); at += a.length) {
      int count = (int) Math.min(a.length, x.elements() - at);
      x.read(at, a, 0, count);
      y.read(at, b, 0, count);
      for (int i = 0; i < count; i++) {
        a[i] *= b[i];
      }
      x.write(at, a, 0, count);
    }
  }

  /** out[t] = x[t] less its mean. */
  static void center(Tensor x, Tensor out) {
    float[] row = new float[Math.toIntExact(x.shape().rowElements())];
    for (long at = 0; at < x.elements(); at += row.length) {
      x.read(at, row);
      double sum = 0;
      for (float value : row) {
        sum += value;
      }
      double mean = sum / row.length;
      for (int i = 0; i < row.length; i++) {
        row[i] = (float) (row[i] - mean);
      }
      out.write(at, row);
    }
  }
}
