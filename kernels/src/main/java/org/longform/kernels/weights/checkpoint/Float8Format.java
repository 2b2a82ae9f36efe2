package org.longform.kernels.weights.checkpoint;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.tensor.Shape;

/**
 * Checkpoints with float8 matrices: {@code fp8} (DeepSeek, Qwen and others with a step for each
 * block of 128 x 128, or one for the matrix) and {@code fbgemm_fp8} (Llama 3.1, with one for each
 * row). {@code w = step * q}: {@code weight_scale_inv} is what q is multiplied with, too; its name
 * is that of the inverse of what the weights were multiplied with.
 *
 * <p>The activations, which these checkpoints round to float8 while a model runs, are left as they
 * are.
 */
final class Float8Format implements CheckpointFormat {
  private static final String WEIGHT = ".weight";
  private static final List<String> SCALES = List.of(".weight_scale_inv", ".weight_scale");
  private static final int LARGEST_BLOCK = 1 << 16;

  @Override
  public List<String> methods() {
    return List.of("fp8", "fbgemm_fp8");
  }

  @Override
  public ModuleLayout layout(QuantisationConfig config) {
    List<?> block = config.list("weight_block_size");
    if (block.isEmpty()) {
      return new Layout(config.text("quant_method").orElseThrow(), 0, 0);
    }
    if (block.size() == 2
        && block.get(0) instanceof Integer rows
        && block.get(1) instanceof Integer columns
        && rows >= 1
        && columns >= 1
        && rows <= LARGEST_BLOCK
        && columns <= LARGEST_BLOCK) {
      return new Layout(config.text("quant_method").orElseThrow(), rows, columns);
    }
    throw config.invalid(
        "weight_block_size", "two whole numbers from 1 to %d".formatted(LARGEST_BLOCK));
  }

  /**
   * @param rows of a block; 0 if there are none
   */
  private record Layout(String method, int rows, int columns) implements ModuleLayout {
    @Override
    public String description() {
      return rows == 0
          ? method + " (float8)"
          : "%s (float8 with a scale for %d x %d)".formatted(method, rows, columns);
    }

    @Override
    public Set<String> endings() {
      return Set.of(
          ".weight_scale_inv",
          ".weight_scale",
          ".input_scale",
          ".input_scale_ub",
          ".activation_scale",
          ".k_scale",
          ".v_scale");
    }

    @Override
    public boolean isMain(String ending, String dtype) {
      return ending.equals(WEIGHT) && Float8.isWord(dtype);
    }

    @Override
    public Shape shape(StoredModule module) {
      return module.matrix(WEIGHT, Float8.F8_E4M3.name(), Float8.F8_E5M2.name());
    }

    @Override
    public QuantisedMatrix open(StoredModule module) {
      Shape shape = shape(module);
      Optional<String> scale = module.only(SCALES);
      if (scale.isEmpty()) {
        throw module.invalid(
            "tensor '%s%s' is of float8 and has no scale, expected '%s%s'"
                .formatted(module.name(), WEIGHT, module.name(), SCALES.get(1)));
      }
      StepGrid grid = grid(module, scale.get(), shape);
      float[] steps = module.steps(scale.get());
      return new GridMatrix(shape, ByteCodes.float8(module, WEIGHT), grid, steps, new float[0]);
    }

    private StepGrid grid(StoredModule module, String scale, Shape shape) {
      Shape found = module.shape(scale);
      if (rows > 0) {
        StepGrid grid = StepGrid.blocks(shape, rows, columns);
        module.requireShape(scale, grid.height(shape), grid.perRow());
        return grid;
      }
      if (found.elements() == 1 && found.rank() <= 2) {
        return StepGrid.whole(shape);
      }
      if (found.rank() != 1) {
        module.requireShape(scale, shape.axis(0), 1);
      } else {
        module.requireShape(scale, shape.axis(0));
      }
      return StepGrid.rows(shape);
    }
  }
}
