package org.longform.kernels.quantise;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.model.LayerMatrix;
import org.longform.kernels.model.ProjectionInput;
import org.longform.kernels.quantise.Grid.Symmetry;
import org.longform.kernels.tensor.Tensor;

/** Outliers of the activations are moved into the weights, then weights are rounded to 8 bits. */
final class SmoothQuant implements QuantisationMethod {
  private static final String ALPHA = "alpha";
  private static final float LEAST = 1e-5f;

  @Override
  public String name() {
    return "smoothquant";
  }

  @Override
  public String description() {
    return "Part of the range of each activation channel is moved into the weights, so that both "
        + "can be 8-bit numbers (W8A8); each row of weights has one scale. On device cpu "
        + "activations are then really rounded to int8, in blocks of 32 that have a scale each, "
        + "which is finer than the paper's one scale a token. The devices nd4j and reference "
        + "multiply the same weights with float32 activations.";
  }

  @Override
  public String whenToUse() {
    return "At 8 bits on device cpu, for models whose activations have a few very large "
        + "channels.";
  }

  @Override
  public String cost() {
    return "Two passes of the calibration text through each layer. Memory: the residual stream "
        + "of the text and one float32 copy of a layer.";
  }

  @Override
  public String source() {
    return "Xiao et al. 2022, SmoothQuant (arXiv 2211.10438); github.com/mit-han-lab/smoothquant";
  }

  @Override
  public String notCopied() {
    return "The attention's own products are not int8: keys and values have a type of their own, "
        + "chosen with another option. As published, the inputs of the output and down "
        + "projections are not smoothed.";
  }

  @Override
  public List<String> guarantees() {
    return List.of("Scales without rounding change nothing.");
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        GroupedGrid.bits("8", "8"),
        Parameter.decimal(
            ALPHA,
            "How much of the activations' range is moved: 0 nothing, 1 all of it.",
            "0.5",
            limits -> 0.5,
            0),
        Calibration.samples(512),
        Calibration.sampleTokens(512));
  }

  @Override
  public boolean movesScales() {
    return true;
  }

  @Override
  public LayerQuantiser quantiser(ParameterValues values) {
    return new Quantiser(
        new GroupedGrid(new Grid(8, Symmetry.SYMMETRIC), 0), values.decimal(ALPHA));
  }

  private record Quantiser(GroupedGrid rounding, double alpha) implements LayerQuantiser {
    @Override
    public Storage storage(int width) {
      return rounding.storage(width);
    }

    @Override
    public void quantise(LayerEdit layer) {
      smooth(layer);
      for (LayerMatrix matrix : LayerMatrix.values()) {
        layer.replace(matrix, rounding.round(layer.matrix(matrix)));
      }
    }

    private void smooth(LayerEdit layer) {
      Map<ProjectionInput, Activations> seen = new EnumMap<>(ProjectionInput.class);
      try {
        for (ProjectionInput input :
            List.of(ProjectionInput.ATTENTION, ProjectionInput.FEED_FORWARD)) {
          seen.put(input, new Activations(layer.spec().hidden(), layer.tokens(), 0));
        }
        layer.observe(
            (index, input, x) -> {
              if (seen.containsKey(input)) {
                seen.get(input).add(x);
              }
            });
        layer.advance();
        seen.forEach(
            (input, activations) -> {
              List<LayerMatrix> matrices = LayerMatrix.of(input);
              float[] scales =
                  scales(
                      activations.largest(), matrices.stream().map(layer::matrix).toList(), alpha);
              layer.divideNorm(input, scales);
              matrices.forEach(matrix -> layer.multiplyInput(matrix, scales));
            });
      } finally {
        seen.values().forEach(Activations::close);
      }
    }
  }

  /** {@code max|x|^alpha / max|w|^(1 - alpha)} of each channel. */
  static float[] scales(float[] activations, List<Tensor> matrices, double alpha) {
    int width = activations.length;
    float[] weights = new float[width];
    float[] row = new float[width];
    for (Tensor matrix : matrices) {
      for (long r = 0; r < matrix.rows(); r++) {
        matrix.read(r * width, row);
        for (int i = 0; i < width; i++) {
          weights[i] = Math.max(weights[i], Math.abs(row[i]));
        }
      }
    }
    float[] scales = new float[width];
    for (int i = 0; i < width; i++) {
      double scale =
          Math.pow(activations[i], alpha) / Math.pow(Math.max(LEAST, weights[i]), 1 - alpha);
      scales[i] = (float) Math.max(LEAST, scale);
    }
    return scales;
  }
}
