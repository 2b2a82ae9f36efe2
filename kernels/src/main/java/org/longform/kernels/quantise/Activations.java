package org.longform.kernels.quantise;

import org.longform.kernels.tensor.Tensor;

/** What is known of the inputs of some projections: of each channel, and some of the tokens. */
final class Activations implements AutoCloseable {
  private final int width;
  private final long every;
  private final Tensor sample;
  private final double[] sums;
  private final float[] largest;
  private long count;
  private int taken;

  /**
   * @param width I
   * @param tokens that will come
   * @param kept how many of them are kept whole, taken evenly
   */
  Activations(int width, long tokens, int kept) {
    this.width = width;
    this.every = Math.max(1, tokens / Math.max(1, kept));
    this.sample = Tensor.allocate(Math.min(kept, tokens), width);
    this.sums = new double[width];
    this.largest = new float[width];
  }

  /** Adds the rows of x (T, I). */
  void add(Tensor x) {
    float[] row = new float[width];
    for (long t = 0; t < x.rows(); t++, count++) {
      x.read(t * width, row);
      for (int i = 0; i < width; i++) {
        float magnitude = Math.abs(row[i]);
        sums[i] += magnitude;
        largest[i] = Math.max(largest[i], magnitude);
      }
      if (count % every == 0 && taken < sample.rows()) {
        sample.write((long) taken * width, row);
        taken++;
      }
    }
  }

  /** Mean magnitude of each channel. */
  double[] means() {
    double[] means = new double[width];
    for (int i = 0; i < width; i++) {
      means[i] = count == 0 ? 0 : sums[i] / count;
    }
    return means;
  }

  /** Largest magnitude of each channel. */
  float[] largest() {
    return largest;
  }

  /** (tokens kept, I). */
  Tensor sample() {
    return sample.rows(0, taken);
  }

  /** Divides each channel of the kept tokens. */
  void divide(float[] scales) {
    LayerEdit.forRows(
        sample(),
        (r, row) -> {
          for (int i = 0; i < row.length; i++) {
            row[i] /= scales[i];
          }
        });
  }

  @Override
  public void close() {
    sample.close();
  }
}
