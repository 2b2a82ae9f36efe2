package org.longform.kernels.device.nd4j;

import org.longform.kernels.tensor.Tensor;

/** Operations on single elements and rows: plain loops over pieces read at once. */
final class RowWise {
  // 16 KiB a piece: two of them stay in the first-level cache
  private static final int PIECE = 4096;

  private RowWise() {}

  static void gather(Nd4jWeight table, int[] ids, Tensor out) {
    int width = Math.toIntExact(table.shape().rowElements());
    for (int t = 0; t < ids.length; t++) {
      out.memory()
          .write(out.byteOffset() + (long) t * width * Float.BYTES, table.row(ids[t]), 0, width);
    }
  }

  static void addBias(Tensor x, Nd4jWeight bias) {
    float[] values = bias.vector();
    float[] row = new float[values.length];
    for (long at = 0; at < x.elements(); at += row.length) {
      x.read(at, row);
      for (int i = 0; i < row.length; i++) {
        row[i] += values[i];
      }
      x.write(at, row);
    }
  }

  static void add(Tensor x, Tensor y) {
    float[] a = new float[(int) Math.min(PIECE, x.elements())];
    float[] b = new float[a.length];
    for (long at = 0; at < x.elements(); at += a.length) {
      int count = (int) Math.min(a.length, x.elements() - at);
      x.read(at, a, 0, count);
      y.read(at, b, 0, count);
      for (int i = 0; i < count; i++) {
        a[i] += b[i];
      }
      x.write(at, a, 0, count);
    }
  }

  static void rmsNorm(Tensor x, Nd4jWeight gain, double epsilon, Tensor out) {
    float[] gains = gain.vector();
    float[] row = new float[gains.length];
    for (long at = 0; at < x.elements(); at += row.length) {
      x.read(at, row);
      float inverse = (float) (1 / Math.sqrt(squares(row) / row.length + epsilon));
      for (int i = 0; i < row.length; i++) {
        row[i] = row[i] * inverse * gains[i];
      }
      out.write(at, row);
    }
  }

  /** Four sums: Java keeps the order of additions, so that a single one would be serial. */
  private static double squares(float[] row) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    int i = 0;
    for (; i < row.length - 3; i += 4) {
      a += (double) row[i] * row[i];
      b += (double) row[i + 1] * row[i + 1];
      c += (double) row[i + 2] * row[i + 2];
      d += (double) row[i + 3] * row[i + 3];
    }
    for (; i < row.length; i++) {
      a += (double) row[i] * row[i];
    }
    return (a + b) + (c + d);
  }

  static void swiGlu(Tensor gate, Tensor up, Scratch scratch) {
    int piece = (int) Math.min(PIECE, gate.elements());
    float[] z = scratch.wide(piece);
    float[] u = scratch.narrow(piece);
    float[] e = new float[piece];
    for (long at = 0; at < gate.elements(); at += piece) {
      int count = (int) Math.min(piece, gate.elements() - at);
      gate.read(at, z, 0, count);
      up.read(at, u, 0, count);
      for (int i = 0; i < count; i++) {
        e[i] = -z[i];
      }
      scratch.exponentials.apply(e, 0, count, 0f);
      for (int i = 0; i < count; i++) {
        z[i] = z[i] / (1f + e[i]) * u[i];
      }
      gate.write(at, z, 0, count);
    }
  }
}
