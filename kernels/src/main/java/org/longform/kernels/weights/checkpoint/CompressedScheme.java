package org.longform.kernels.weights.checkpoint;

import java.util.List;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.weights.NamePattern;

/**
 * How compressed-tensors stores the weights of one group of modules.
 *
 * @param names of modules, or of their class, that the group is for
 * @param patterns that the beginning of their names matches
 * @param bits of a level; 8 for float8
 * @param floats whether a level is a float8
 * @param rows of a block that shares a step, with the strategy {@link Strategy#BLOCK}
 * @param columns that share one, with that or {@link Strategy#GROUP}
 */
record CompressedScheme(
    List<String> names,
    List<NamePattern> patterns,
    int bits,
    boolean floats,
    boolean symmetric,
    Strategy strategy,
    int rows,
    int columns) {
  // what a target says that is for all matrices of a model
  private static final String ALL = "Linear";
  private static final int LARGEST_BLOCK = 1 << 24;

  /** Which elements share a step. */
  enum Strategy {
    TENSOR,
    CHANNEL,
    GROUP,
    BLOCK
  }

  static CompressedScheme read(
      QuantisationConfig weights, List<String> names, List<NamePattern> patterns) {
    String type = weights.text("type").orElse("int");
    if (!type.equals("int") && !type.equals("float")) {
      throw weights.unsupported("type", "int or float");
    }
    boolean floats = type.equals("float");
    int bits = weights.bits("num_bits");
    if (floats && bits != 8) {
      throw weights.unsupported("num_bits", "8 for float weights");
    }
    if (weights.flag("dynamic", false)) {
      throw weights.unsupported("dynamic", "false");
    }
    Strategy strategy = strategy(weights);
    int rows = 0;
    int columns = 0;
    if (strategy == Strategy.GROUP) {
      columns = weights.group("group_size");
    } else if (strategy == Strategy.BLOCK) {
      List<?> block = weights.list("block_structure");
      rows = side(weights, block, 0);
      columns = side(weights, block, 1);
    }
    boolean symmetric = weights.flag("symmetric", true);
    return new CompressedScheme(
        names,
        patterns,
        bits,
        floats,
        symmetric,
        columns == 0 && strategy == Strategy.GROUP ? Strategy.CHANNEL : strategy,
        rows,
        columns);
  }

  private static Strategy strategy(QuantisationConfig weights) {
    String otherwise = weights.has("group_size") ? "group" : "tensor";
    return switch (weights.text("strategy").orElse(otherwise)) {
      case "tensor" -> Strategy.TENSOR;
      case "channel" -> Strategy.CHANNEL;
      case "group" -> Strategy.GROUP;
      case "block" -> Strategy.BLOCK;
      default -> throw weights.unsupported("strategy", "tensor, channel, group or block");
    };
  }

  private static int side(QuantisationConfig weights, List<?> block, int index) {
    if (block.size() == 2
        && block.get(index) instanceof Integer side
        && side >= 1
        && side <= LARGEST_BLOCK) {
      return side;
    }
    throw weights.invalid("block_structure", "two whole numbers from 1 on");
  }

  /** Whether a target names this very module, which goes before one that is for all. */
  boolean isFor(String module) {
    return names.contains(module) || patterns.stream().anyMatch(each -> each.begins(module));
  }

  boolean isForAll() {
    return names.contains(ALL);
  }

  /** Where the steps of a matrix lie. */
  StepGrid grid(Shape matrix) {
    return switch (strategy) {
      case TENSOR -> StepGrid.whole(matrix);
      case CHANNEL -> StepGrid.rows(matrix);
      case GROUP -> StepGrid.blocks(matrix, 1, columns);
      case BLOCK -> StepGrid.blocks(matrix, rows, columns);
    };
  }

  String description() {
    String level = floats ? "float8" : bits + " bits";
    String zeros = symmetric ? "symmetric" : "with zero points";
    return switch (strategy) {
      case TENSOR -> level + " for whole matrices, " + zeros;
      case CHANNEL -> level + " in rows, " + zeros;
      case GROUP -> "%s in groups of %d, %s".formatted(level, columns, zeros);
      case BLOCK -> "%s in blocks of %d x %d, %s".formatted(level, rows, columns, zeros);
    };
  }
}
