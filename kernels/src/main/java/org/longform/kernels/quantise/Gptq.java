package org.longform.kernels.quantise;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.model.LayerMatrix;
import org.longform.kernels.model.ProjectionInput;

/** Error-compensated rounding with the second-order statistics of each projection's inputs. */
final class Gptq implements QuantisationMethod {
  private static final String DAMP = "damp";
  private static final String BLOCK = "block";
  private static final String ACT_ORDER = "act-order";
  private static final String STATIC_GROUPS = "static-groups";
  private static final String TRUE_SEQUENTIAL = "true-sequential";

  @Override
  public String name() {
    return "gptq";
  }

  @Override
  public String description() {
    return "Columns of a matrix are rounded one after the other, and those that follow are moved "
        + "so that the outputs on a calibration text stay near what they were. How they have to "
        + "move follows from the inputs that the matrix meets in that text. Each layer sees "
        + "what the quantised layers before it give.";
  }

  @Override
  public String whenToUse() {
    return "The first choice at 4 and 3 bits; at 8 bits round-to-nearest does as well in a "
        + "fraction of the time.";
  }

  @Override
  public String cost() {
    return "Two passes of the calibration text through each layer (five with true-sequential) "
        + "and O I² products for a matrix of O rows of I. Memory: the residual stream of the "
        + "text (4 bytes a token and channel), and 8 I² bytes for each of the four inputs of a "
        + "layer and once more for the one at work.";
  }

  @Override
  public String source() {
    return "Frantar et al. 2022, GPTQ (arXiv 2210.17323), algorithm 1; github.com/IST-DASLab/gptq";
  }

  @Override
  public String notCopied() {
    return "The published code takes the levels of a group inside a block from weights that the "
        + "block's own errors have not reached; here, as the paper says, from weights that they "
        + "have. With act-order groups are always static, because groups of a changed order "
        + "could not be stored. Samples come from the beginning of the text, not from random "
        + "places, and begin as documents do.";
  }

  @Override
  public List<String> guarantees() {
    return List.of("With inputs that do not depend on each other it is round-to-nearest.");
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        GroupedGrid.bits("4", "8", "4", "3"),
        GroupedGrid.group(128),
        GroupedGrid.scheme(),
        Parameter.decimal(
            DAMP,
            "Part of the mean of the Hessian's diagonal that is added to it.",
            "0.01",
            limits -> 0.01,
            0),
        Parameter.integer(
            BLOCK,
            "Columns whose errors are carried on together; changes the speed, not the result.",
            "128",
            limits -> 128L,
            1),
        flag(ACT_ORDER, "Whether the columns with the largest inputs are rounded first."),
        flag(
            STATIC_GROUPS,
            "Whether the levels of a group come from the weights as they were; with act-order"
                + " always."),
        flag(
            TRUE_SEQUENTIAL,
            "Whether the matrices of a layer see what those before them in the layer give when"
                + " quantised."),
        Calibration.samples(128),
        Calibration.sampleTokens(2048));
  }

  private static Parameter flag(String name, String doc) {
    return Parameter.choice(name, doc, "false", "false", "true");
  }

  @Override
  public LayerQuantiser quantiser(ParameterValues values) {
    boolean actOrder = values.choice(ACT_ORDER).equals("true");
    return new Quantiser(
        GroupedGrid.of(values),
        values.decimal(DAMP),
        Math.toIntExact(values.integer(BLOCK)),
        actOrder,
        actOrder || values.choice(STATIC_GROUPS).equals("true"),
        values.choice(TRUE_SEQUENTIAL).equals("true"));
  }

  private record Quantiser(
      GroupedGrid grid,
      double damp,
      int block,
      boolean actOrder,
      boolean staticGroups,
      boolean sequential)
      implements LayerQuantiser {
    @Override
    public Storage storage(int width) {
      return grid.storage(width);
    }

    @Override
    public void quantise(LayerEdit layer) {
      List<ProjectionInput> inputs = List.of(ProjectionInput.values());
      if (sequential) {
        inputs.forEach(input -> quantise(layer, List.of(input)));
      } else {
        quantise(layer, inputs);
      }
      layer.advance();
    }

    private void quantise(LayerEdit layer, List<ProjectionInput> inputs) {
      Map<ProjectionInput, Hessian> hessians = new EnumMap<>(ProjectionInput.class);
      try {
        for (ProjectionInput input : inputs) {
          hessians.put(input, new Hessian(layer.width(LayerMatrix.of(input).get(0))));
        }
        layer.observe(
            (index, input, x) -> {
              if (hessians.containsKey(input)) {
                hessians.get(input).add(x);
              }
            });
        for (ProjectionInput input : inputs) {
          quantise(layer, input, hessians.get(input));
        }
      } finally {
        hessians.values().forEach(Hessian::close);
      }
    }

    private void quantise(LayerEdit layer, ProjectionInput input, Hessian hessian) {
      try (InverseFactor factor = InverseFactor.of(hessian, damp, actOrder)) {
        for (LayerMatrix matrix : LayerMatrix.of(input)) {
          GptqRounding rounding = new GptqRounding(grid, block, staticGroups, factor);
          layer.replace(matrix, rounding.round(layer.matrix(matrix)));
        }
      }
    }
  }
}
