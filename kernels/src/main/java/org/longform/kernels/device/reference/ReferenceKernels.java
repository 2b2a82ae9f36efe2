package org.longform.kernels.device.reference;

import org.longform.kernels.device.AttendRequest;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.KeyScoresRequest;
import org.longform.kernels.device.MatmulShape;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.Tensor;

/** Plain scalar Java with float64 sums: the oracle every other device is compared with. */
final class ReferenceKernels implements Kernels {

  @Override
  public Weight weight(Tensor stored) {
    return new StoredWeight(stored);
  }

  @Override
  public void gather(Weight table, int[] ids, Tensor out) {
    Tensor rows = StoredWeight.of(table);
    int width = Math.toIntExact(rows.shape().rowElements());
    float[] row = new float[width];
    for (int t = 0; t < ids.length; t++) {
      rows.read((long) ids[t] * width, row);
      out.write((long) t * width, row);
    }
  }

  @Override
  public void matmul(Tensor x, Weight w, Tensor out) {
    Tensor matrix = StoredWeight.of(w);
    int inner = MatmulShape.of(x, w, out).inner();
    long outer = matrix.rows();
    int tokens = Math.toIntExact(x.rows());
    float[] rows = new float[Math.multiplyExact(tokens, inner)];
    x.read(0, rows);
    float[] column = new float[inner];
    for (long o = 0; o < outer; o++) {
      matrix.read(o * inner, column);
      for (int t = 0; t < tokens; t++) {
        double sum = 0;
        for (int i = 0; i < inner; i++) {
          sum += (double) rows[t * inner + i] * column[i];
        }
        out.set(t * outer + o, (float) sum);
      }
    }
  }

  @Override
  public int alikeRows() {
    return Integer.MAX_VALUE;
  }

  @Override
  public void addBias(Tensor x, Weight bias) {
    Tensor values = StoredWeight.of(bias);
    long width = values.elements();
    for (long i = 0; i < x.elements(); i++) {
      x.set(i, x.get(i) + values.get(i % width));
    }
  }

  @Override
  public void add(Tensor x, Tensor y) {
    for (long i = 0; i < x.elements(); i++) {
      x.set(i, x.get(i) + y.get(i));
    }
  }

  @Override
  public void rmsNorm(Tensor x, Weight gain, double epsilon, Tensor out) {
    float[] gains = StoredWeight.of(gain).toArray();
    float[] row = new float[gains.length];
    for (long t = 0; t < x.rows(); t++) {
      x.read(t * row.length, row);
      double squares = 0;
      for (float value : row) {
        squares += (double) value * value;
      }
      double inverse = 1 / Math.sqrt(squares / row.length + epsilon);
      for (int i = 0; i < row.length; i++) {
        row[i] = (float) (row[i] * inverse * gains[i]);
      }
      out.write(t * row.length, row);
    }
  }

  @Override
  public void layerNorm(Tensor x, Weight gain, double epsilon, Tensor out) {
    float[] gains = StoredWeight.of(gain).toArray();
    float[] row = new float[gains.length];
    for (long t = 0; t < x.rows(); t++) {
      x.read(t * row.length, row);
      double mean = 0;
      for (float value : row) {
        mean += value / (double) row.length;
      }
      double variance = 0;
      for (float value : row) {
        variance += (value - mean) * (value - mean) / row.length;
      }
      for (int i = 0; i < row.length; i++) {
        row[i] = (float) ((row[i] - mean) / Math.sqrt(variance + epsilon) * gains[i]);
      }
      out.write(t * row.length, row);
    }
  }

  @Override
  public void swiGlu(Tensor gate, Tensor up) {
    for (long i = 0; i < gate.elements(); i++) {
      double z = gate.get(i);
      gate.set(i, (float) (z / (1 + Math.exp(-z)) * up.get(i)));
    }
  }

  @Override
  public void attend(AttendRequest request) {
    request.plan().validate(request.cache(), request.heads(), request.firstRow());
    for (int head = 0; head < request.heads(); head++) {
      for (int t = 0; t < request.tokens(); t++) {
        new ReferenceAttention(request, head, t).run();
      }
    }
  }

  @Override
  public TopKeys topKeys(TopKeysRequest request) {
    return ReferenceTopKeys.find(request);
  }

  @Override
  public float[] keyScores(KeyScoresRequest request) {
    return ReferenceKeyScores.find(request);
  }
}
