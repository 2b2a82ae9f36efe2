package org.longform.kernels.quantise;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.model.LayerMatrix;
import org.longform.kernels.model.ProjectionInput;

/** Channels that matter are made larger before rounding, and clipped where that helps. */
final class Awq implements QuantisationMethod {
  static final String GRID = "grid";
  static final String CLIP = "clip";
  private static final String MAX_SHRINK = "max-shrink";
  private static final String SEARCH_TOKENS = "search-tokens";

  @Override
  public String name() {
    return "awq";
  }

  @Override
  public String description() {
    return "Activation-aware: input channels with large activations get a scale that protects "
        + "their weights from rounding, and what comes before, a norm or a projection, takes "
        + "its inverse. How strong the scales are is searched on a calibration text. Then the "
        + "range of each group is clipped where that lessens the error of the outputs.";
  }

  @Override
  public String whenToUse() {
    return "At 4 and 3 bits when the calibration text is short or unlike what will be read: it "
        + "leans less on it than GPTQ.";
  }

  @Override
  public String cost() {
    return "Two passes of the calibration text through each layer, and grid products of every "
        + "matrix with the tokens searched on, half as many more for the clipping. Memory: the "
        + "residual stream of the text and one float32 copy of a layer.";
  }

  @Override
  public String source() {
    return "Lin et al. 2023, AWQ (arXiv 2306.00978); github.com/mit-han-lab/llm-awq";
  }

  @Override
  public String notCopied() {
    return "The error of a scale is measured on the outputs of the projections themselves, as "
        + "the paper's formula says, not behind the whole attention or feed-forward part, and "
        + "on as many tokens as the published clip search takes. As published, queries and keys "
        + "are not clipped, and the output projection of a model with grouped queries has no "
        + "scale, since one value channel feeds several of its inputs.";
  }

  @Override
  public List<String> guarantees() {
    return List.of(
        "With exponent 0 and without clipping it is round-to-nearest.",
        "Scales without rounding change nothing.");
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        GroupedGrid.bits("4", "8", "4", "3"),
        GroupedGrid.group(128),
        GroupedGrid.scheme(),
        Parameter.integer(
            GRID,
            "Exponents tried for the scales, from 0 in steps of 1/grid; also the steps of the clip"
                + " search.",
            "20",
            limits -> 20L,
            1),
        Parameter.choice(CLIP, "Whether ranges are clipped.", "true", "true", "false"),
        Parameter.decimal(
            MAX_SHRINK, "Part of a range that may be clipped, below 1.", "0.5", limits -> 0.5, 0),
        Parameter.integer(
            SEARCH_TOKENS, "Tokens that the searches look at.", "512", limits -> 512L, 1),
        Calibration.samples(128),
        Calibration.sampleTokens(512));
  }

  @Override
  public boolean movesScales() {
    return true;
  }

  @Override
  public LayerQuantiser quantiser(ParameterValues values) {
    int grid = Math.toIntExact(values.integer(GRID));
    int clips =
        values.choice(CLIP).equals("true")
            ? (int) (Math.min(1, values.decimal(MAX_SHRINK)) * grid)
            : 0;
    return new Quantiser(
        GroupedGrid.of(values), grid, clips, Math.toIntExact(values.integer(SEARCH_TOKENS)));
  }

  private record Quantiser(GroupedGrid rounding, int grid, int clips, int searchTokens)
      implements LayerQuantiser {
    @Override
    public Storage storage(int width) {
      return rounding.storage(width);
    }

    @Override
    public void quantise(LayerEdit layer) {
      Map<ProjectionInput, Activations> seen = new EnumMap<>(ProjectionInput.class);
      try {
        for (ProjectionInput input : ProjectionInput.values()) {
          int width = layer.width(LayerMatrix.of(input).get(0));
          seen.put(input, new Activations(width, layer.tokens(), searchTokens));
        }
        layer.observe((index, input, x) -> seen.get(input).add(x));
        // as published: the next layer sees what this one gives unchanged
        layer.advance();
        scale(layer, seen);
        AwqSearch search = new AwqSearch(rounding, grid, layer.kernels());
        for (LayerMatrix matrix : LayerMatrix.values()) {
          if (matrix != LayerMatrix.QUERY && matrix != LayerMatrix.KEY) {
            search.clip(layer.editable(matrix), seen.get(matrix.input()).sample(), clips);
          }
        }
      } finally {
        seen.values().forEach(Activations::close);
      }
      for (LayerMatrix matrix : LayerMatrix.values()) {
        layer.replace(matrix, rounding.round(layer.matrix(matrix)));
      }
    }

    /** All scales are found before any is used. */
    private void scale(LayerEdit layer, Map<ProjectionInput, Activations> seen) {
      AwqSearch search = new AwqSearch(rounding, grid, layer.kernels());
      Map<ProjectionInput, float[]> scales = new EnumMap<>(ProjectionInput.class);
      for (ProjectionInput input : scaled(layer)) {
        scales.put(
            input,
            search.scales(
                LayerMatrix.of(input).stream().map(layer::matrix).toList(),
                seen.get(input).sample(),
                seen.get(input).means()));
      }
      scales.forEach(
          (input, scale) -> {
            switch (input) {
              case ATTENTION, FEED_FORWARD -> layer.divideNorm(input, scale);
              case OUTPUT -> layer.divideOutput(LayerMatrix.VALUE, scale);
              case DOWN -> layer.divideOutput(LayerMatrix.UP, scale);
            }
            LayerMatrix.of(input).forEach(matrix -> layer.multiplyInput(matrix, scale));
            seen.get(input).divide(scale);
          });
    }

    private static List<ProjectionInput> scaled(LayerEdit layer) {
      List<ProjectionInput> inputs = new ArrayList<>(Arrays.asList(ProjectionInput.values()));
      if (layer.rows(LayerMatrix.VALUE) != layer.width(LayerMatrix.OUTPUT)) {
        inputs.remove(ProjectionInput.OUTPUT);
      }
      return inputs;
    }
  }
}
