package org.longform.kernels.quantise;

import java.util.List;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.model.LayerMatrix;

/** Every weight to the nearest level of its group. */
final class RoundToNearest implements QuantisationMethod {
  @Override
  public String name() {
    return "rtn";
  }

  @Override
  public String description() {
    return "Round-to-nearest: every weight becomes the nearest of the levels of its group. The "
        + "levels are evenly spaced over the range of the group's weights. No text is read.";
  }

  @Override
  public String whenToUse() {
    return "At 8 bits, where nothing is better, and as the baseline of the others at 4; at 3 "
        + "bits use another method.";
  }

  @Override
  public String cost() {
    return "One pass over the weights, in the memory of one layer.";
  }

  @Override
  public String source() {
    return "Huang et al. 2024, An Empirical Study of LLaMA3 Quantization (arXiv 2404.14047)";
  }

  @Override
  public String notCopied() {
    return "Scales are float16 numbers before weights are rounded to them, since that is how they are"
        + " stored; the published harness keeps them in the precision of the model.";
  }

  @Override
  public List<String> guarantees() {
    return List.of("No weight moves by more than half a step of its group.");
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        GroupedGrid.bits("4", "8", "4", "3"), GroupedGrid.group(128), GroupedGrid.scheme());
  }

  @Override
  public LayerQuantiser quantiser(ParameterValues values) {
    return new Quantiser(GroupedGrid.of(values));
  }

  private record Quantiser(GroupedGrid grid) implements LayerQuantiser {
    @Override
    public Storage storage(int width) {
      return grid.storage(width);
    }

    @Override
    public void quantise(LayerEdit layer) {
      for (LayerMatrix matrix : LayerMatrix.values()) {
        layer.replace(matrix, grid.round(layer.matrix(matrix)));
      }
    }
  }
}
