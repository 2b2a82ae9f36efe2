package org.longform.kernels.weights.checkpoint;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.weights.StoredBytes;

/**
 * The tensors of compressed-tensors. A matrix (O, N) is {@code weight_packed}, int32 with the
 * levels of a row one after the other (see {@link PackedCodes}), or {@code weight} of int8 or
 * float8; {@code w = weight_scale * (q - weight_zero_point)}. Zero points are packed along the rows
 * where the levels are packed, and int8 like the scales elsewhere. {@code weight_g_idx} tells the
 * group of each column, if groups are not of neighbours.
 */
record CompressedLayout(List<CompressedScheme> schemes) implements ModuleLayout {
  private static final String PACKED = ".weight_packed";
  private static final String WEIGHT = ".weight";
  private static final String SCALE = ".weight_scale";
  private static final String ZERO = ".weight_zero_point";
  private static final String SHAPE = ".weight_shape";
  private static final String GROUPS = ".weight_g_idx";
  private static final String INT8 = "I8";
  // what the library writes for a column before it knows its group
  private static final int NO_GROUP = -1;

  @Override
  public String description() {
    return schemes.stream()
        .map(CompressedScheme::description)
        .distinct()
        .collect(Collectors.joining("; ", "compressed-tensors (", ")"));
  }

  @Override
  public Set<String> endings() {
    return Set.of(
        PACKED,
        SCALE,
        ZERO,
        SHAPE,
        GROUPS,
        ".input_scale",
        ".input_zero_point",
        ".output_scale",
        ".output_zero_point",
        ".q_scale",
        ".k_scale",
        ".v_scale");
  }

  @Override
  public boolean isMain(String ending, String dtype) {
    return ending.equals(PACKED)
        || (ending.equals(WEIGHT) && (dtype.equals(INT8) || Float8.isWord(dtype)));
  }

  @Override
  public Shape shape(StoredModule module) {
    if (!module.has(PACKED)) {
      return module.matrix(WEIGHT, INT8, Float8.F8_E4M3.name(), Float8.F8_E5M2.name());
    }
    CompressedScheme scheme = scheme(module);
    Shape packed = module.matrix(PACKED, "I32");
    module.requireShape(SHAPE, 2);
    long[] axes = module.wholeNumbers(SHAPE);
    long most = packed.axis(1) * (Integer.SIZE / scheme.bits());
    if (axes[0] != packed.axis(0)
        || axes[1] < 1
        || axes[1] > most
        || PackedCodes.wordsOf((int) axes[1], scheme.bits()) != packed.axis(1)) {
      throw module.invalid(
          "tensor '%s%s' tells a matrix [%d, %d], and '%s%s' has shape %s for levels of %d bits"
              .formatted(
                  module.name(),
                  SHAPE,
                  axes[0],
                  axes[1],
                  module.name(),
                  PACKED,
                  packed,
                  scheme.bits()));
    }
    return Shape.of(axes);
  }

  private CompressedScheme scheme(StoredModule module) {
    return schemes.stream()
        .filter(each -> each.isFor(module.name()))
        .findFirst()
        .or(() -> schemes.stream().filter(CompressedScheme::isForAll).findFirst())
        .orElseThrow(
            () ->
                module.invalid(
                    "module '%s' is quantised, and no group of quantization_config is for it"
                        .formatted(module.name())));
  }

  @Override
  public QuantisedMatrix open(StoredModule module) {
    CompressedScheme scheme = scheme(module);
    Shape shape = shape(module);
    boolean packed = module.has(PACKED);
    requireKind(module, scheme, packed);
    StepGrid grid = grid(module, scheme, shape);
    requireGrid(module, SCALE, grid, shape);
    float[] steps = module.steps(SCALE);
    float[] zeros = zeros(module, scheme, packed, grid, shape);
    if (!packed) {
      return new GridMatrix(
          shape,
          scheme.floats() ? ByteCodes.float8(module, WEIGHT) : ByteCodes.whole(module, WEIGHT),
          grid,
          steps,
          zeros);
    }
    StoredBytes words = module.open(PACKED);
    return new GridMatrix(
        shape, new PackedCodes(words, scheme.bits(), (int) shape.axis(1)), grid, steps, zeros);
  }

  private static void requireKind(StoredModule module, CompressedScheme scheme, boolean packed) {
    boolean floats = !packed && Float8.isWord(module.dtype(WEIGHT));
    if (floats != scheme.floats()) {
      throw module.invalid(
          "the tensors of '%s' are of %s, and quantization_config tells weights of type %s"
              .formatted(
                  module.name(), floats ? "float8" : "int", scheme.floats() ? "float" : "int"));
    }
  }

  private static StepGrid grid(StoredModule module, CompressedScheme scheme, Shape shape) {
    StepGrid plain = scheme.grid(shape);
    if (!module.has(GROUPS)) {
      return plain;
    }
    module.requireShape(GROUPS, shape.axis(1));
    int[] groupOf = module.ints(GROUPS);
    for (int i = 0; i < groupOf.length; i++) {
      if (groupOf[i] == NO_GROUP) {
        return plain;
      }
      if (groupOf[i] < 0 || groupOf[i] >= plain.perRow()) {
        throw module.invalid(
            "tensor '%s%s' puts column %d into group %d, expected one from 0 to %d"
                .formatted(module.name(), GROUPS, i, groupOf[i], plain.perRow() - 1));
      }
    }
    return new StepGrid(plain.rows(), plain.perRow(), groupOf);
  }

  /** One number for all may be a scalar, one for each row a vector. */
  private static void requireGrid(StoredModule module, String ending, StepGrid grid, Shape shape) {
    int height = grid.height(shape);
    Shape found = module.shape(ending);
    boolean flat = found.rank() < 2 && grid.perRow() == 1 && found.elements() == height;
    if (!flat) {
      module.requireShape(ending, height, grid.perRow());
    }
  }

  private static float[] zeros(
      StoredModule module, CompressedScheme scheme, boolean packed, StepGrid grid, Shape shape) {
    if (scheme.symmetric() || scheme.floats()) {
      return new float[0];
    }
    int height = grid.height(shape);
    float[] zeros = new float[Math.multiplyExact(height, grid.perRow())];
    if (!packed || module.dtype(ZERO).equals(INT8)) {
      requireGrid(module, ZERO, grid, shape);
      long[] whole = module.wholeNumbers(ZERO);
      for (int i = 0; i < zeros.length; i++) {
        zeros[i] = whole[i];
      }
      return zeros;
    }
    module.matrix(ZERO, "I32");
    module.requireShape(ZERO, PackedCodes.wordsOf(height, scheme.bits()), grid.perRow());
    int[] words = module.ints(ZERO);
    int inWord = Integer.SIZE / scheme.bits();
    for (int row = 0; row < height; row++) {
      for (int g = 0; g < grid.perRow(); g++) {
        int word = words[row / inWord * grid.perRow() + g];
        zeros[row * grid.perRow() + g] = PackedCodes.level(word, row % inWord, scheme.bits());
      }
    }
    return zeros;
  }
}
