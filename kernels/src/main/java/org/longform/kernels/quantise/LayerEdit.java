package org.longform.kernels.quantise;

import java.util.stream.IntStream;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.LayerMatrix;
import org.longform.kernels.model.LayerWalk;
import org.longform.kernels.model.ProjectionInput;
import org.longform.kernels.model.ProjectionObserver;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * One layer while it is quantised: its weights as they are by now, and the calibration texts that
 * stand before it. Changes are seen by the next {@link #observe} and by {@link #advance}.
 */
public final class LayerEdit {
  private final DecoderSpec spec;
  private final int layer;
  private final ChangedWeights weights;
  // both null for methods without calibration
  private final Kernels kernels;
  private final LayerWalk walk;

  LayerEdit(DecoderSpec spec, int layer, ChangedWeights weights, Kernels kernels, LayerWalk walk) {
    this.spec = spec;
    this.layer = layer;
    this.weights = weights;
    this.kernels = kernels;
    this.walk = walk;
  }

  DecoderSpec spec() {
    return spec;
  }

  Kernels kernels() {
    return kernels;
  }

  /** Rows of a matrix: the width of its output. */
  int rows(LayerMatrix matrix) {
    return Math.toIntExact(matrix.shape(spec, layer).axis(0));
  }

  /** Elements of a row of a matrix: the width of its input. */
  int width(LayerMatrix matrix) {
    return Math.toIntExact(matrix.shape(spec, layer).rowElements());
  }

  /** Tokens of the calibration. */
  long tokens() {
    return walk.tokens();
  }

  /** Shows what the projections are applied to, of all calibration texts. */
  void observe(ProjectionObserver observer) {
    walk.observe(layer, weights, observer);
  }

  /** Brings the calibration texts through the layer as it is by now. */
  void advance() {
    if (layer < spec.layers() - 1) {
      walk.advance(layer, weights);
    }
  }

  /** A matrix as it is by now; valid until it is replaced. */
  Tensor matrix(LayerMatrix matrix) {
    return weights.lent(matrix.weightName(spec, layer), matrix.shape(spec, layer));
  }

  /** A matrix as a float32 tensor that may be written to; not after {@link #replace}. */
  Tensor editable(LayerMatrix matrix) {
    return editable(matrix.weightName(spec, layer), matrix.shape(spec, layer));
  }

  private Tensor editable(String name, Shape shape) {
    if (!weights.isReplaced(name)) {
      Tensor copy = copy(name, shape);
      weights.replace(name, copy, copy::close);
    }
    return weights.tensor(name, shape);
  }

  private Tensor copy(String name, Shape shape) {
    Tensor copy = Tensor.allocate(DType.F32, shape);
    try (Tensor stored = weights.tensor(name, shape)) {
      int width = Math.toIntExact(shape.rowElements());
      float[] row = new float[width];
      for (long r = 0; r < stored.rows(); r++) {
        stored.read(r * width, row);
        copy.write(r * width, row);
      }
      return copy;
    } catch (Throwable e) {
      copy.close();
      throw e;
    }
  }

  /** The final form of a matrix. */
  void replace(LayerMatrix matrix, StoredMatrix stored) {
    weights.replace(matrix.weightName(spec, layer), stored.tensor(), stored::close);
  }

  // --- scales moved between neighbours: what is divided here is multiplied there

  /** Divides each channel of a norm's output. */
  void divideNorm(ProjectionInput input, float[] scales) {
    String pattern =
        switch (input) {
          case ATTENTION -> spec.names().attention().norm();
          case FEED_FORWARD -> spec.names().feedForward().norm();
          default -> throw new IllegalArgumentException("no norm is before " + input);
        };
    divide(editable(pattern.formatted(layer) + ".weight", Shape.of(spec.hidden())), scales);
  }

  /** Divides each channel of a projection's output. */
  void divideOutput(LayerMatrix matrix, float[] scales) {
    Tensor rows = editable(matrix);
    forRows(
        rows,
        (r, row) -> {
          for (int i = 0; i < row.length; i++) {
            row[i] /= scales[r];
          }
        });
    if (matrix.hasBias(spec)) {
      divide(editable(matrix.biasName(spec, layer), Shape.of(scales.length)), scales);
    }
  }

  /** Multiplies each column of a projection: its input was divided. */
  void multiplyInput(LayerMatrix matrix, float[] scales) {
    forRows(
        editable(matrix),
        (r, row) -> {
          for (int i = 0; i < row.length; i++) {
            row[i] *= scales[i];
          }
        });
  }

  private static void divide(Tensor vector, float[] scales) {
    for (int i = 0; i < scales.length; i++) {
      vector.set(i, vector.get(i) / scales[i]);
    }
  }

  /** Changes one row. */
  interface RowChange {
    void change(int index, float[] row);
  }

  /** Changes every row of a float32 matrix, several at once. */
  static void forRows(Tensor matrix, RowChange change) {
    int width = Math.toIntExact(matrix.shape().rowElements());
    IntStream.range(0, GroupedGrid.rows(matrix))
        .parallel()
        .forEach(
            r -> {
              float[] row = new float[width];
              matrix.read((long) r * width, row);
              change.change(r, row);
              matrix.write((long) r * width, row);
            });
  }
}
