package org.longform.kernels.quantise;

import java.util.Optional;
import java.util.stream.IntStream;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.quantise.Grid.Symmetry;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.LevelBlock;
import org.longform.kernels.tensor.Tensor;

/**
 * A {@link Grid} of its own for each group of neighbours of a row, and the type that holds it.
 *
 * @param size neighbours of a group; the last group of a row may be shorter; 0 for the whole row
 */
record GroupedGrid(Grid grid, int size) {
  static final String BITS = "bits";
  static final String GROUP = "group";
  static final String SCHEME = "scheme";
  static final String AUTO = "auto";
  static final String SYMMETRIC = "symmetric";
  static final String ASYMMETRIC = "asymmetric";

  /** Blocks hold a scale for so many neighbours. */
  private static final int BLOCK = 32;

  static Parameter bits(String defaultValue, String... choices) {
    return Parameter.choice(BITS, "Bits of a weight.", defaultValue, choices);
  }

  static Parameter group(long defaultValue) {
    return Parameter.integer(
        GROUP,
        "Neighbours of a row that share a scale; 0 for the whole row.",
        Long.toString(defaultValue),
        limits -> defaultValue,
        0);
  }

  static Parameter scheme() {
    return Parameter.choice(
        SCHEME,
        "Whether the levels of a group have a zero point (asymmetric) or not; auto is the published"
            + " asymmetric, but symmetric at 8 bits, where no stored type holds a zero point.",
        AUTO,
        AUTO,
        SYMMETRIC,
        ASYMMETRIC);
  }

  static GroupedGrid of(ParameterValues values) {
    int bits = Integer.parseInt(values.choice(BITS));
    String scheme = values.choice(SCHEME);
    boolean symmetric = scheme.equals(SYMMETRIC) || (scheme.equals(AUTO) && bits == 8);
    return new GroupedGrid(
        new Grid(bits, symmetric ? Symmetry.SYMMETRIC : Symmetry.ASYMMETRIC),
        Math.toIntExact(values.integer(GROUP)));
  }

  /** Neighbours of a group in rows of this width. */
  int sizeIn(int width) {
    return size == 0 ? width : Math.min(size, width);
  }

  int groupsIn(int width) {
    return (width + sizeIn(width) - 1) / sizeIn(width);
  }

  /** How rows of this width are stored. */
  Storage storage(int width) {
    if (width % BLOCK != 0) {
      return Storage.plain("rows of %d are no whole blocks of %d".formatted(width, BLOCK));
    }
    if (sizeIn(width) % BLOCK != 0) {
      return Storage.plain("groups of %d are no whole blocks of %d".formatted(size, BLOCK));
    }
    Optional<DType> dtype = LevelBlock.narrowest(grid.least(), grid.most());
    return dtype
        .map(Storage::exact)
        .orElseGet(
            () ->
                Storage.plain(
                    "no type of blocks holds levels from %d to %d"
                        .formatted(grid.least(), grid.most())));
  }

  /** The levels of each group of a row. */
  Step[] fit(float[] row) {
    Step[] steps = new Step[groupsIn(row.length)];
    int width = sizeIn(row.length);
    for (int g = 0; g < steps.length; g++) {
      steps[g] = grid.fit(row, g * width, Math.min(row.length, (g + 1) * width));
    }
    return steps;
  }

  /** Replaces each weight of a row by the nearest that the levels have. */
  void round(float[] row) {
    Step[] steps = fit(row);
    int width = sizeIn(row.length);
    for (int i = 0; i < row.length; i++) {
      row[i] = steps[i / width].rounded(row[i]);
    }
  }

  /** Round-to-nearest of a matrix. */
  StoredMatrix round(Tensor matrix) {
    int width = Math.toIntExact(matrix.shape().rowElements());
    StoredMatrix stored = new StoredMatrix(matrix.shape(), storage(width).dtype());
    try {
      IntStream.range(0, rows(matrix))
          .parallel()
          .forEach(
              r -> {
                float[] row = new float[width];
                matrix.read((long) r * width, row);
                Step[] steps = fit(row);
                int[] levels = new int[width];
                for (int i = 0; i < width; i++) {
                  levels[i] = steps[i / sizeIn(width)].level(row[i]);
                }
                stored.put(r, levels, steps, sizeIn(width));
              });
      return stored;
    } catch (Throwable e) {
      stored.close();
      throw e;
    }
  }

  static int rows(Tensor matrix) {
    if (matrix.rows() > Integer.MAX_VALUE) {
      throw new LongformException(
          ErrorClass.UNSUPPORTED_MODEL,
          "Cannot quantise a matrix %s: it has more rows than this product handles. Use a smaller model."
              .formatted(matrix.shape()));
    }
    return (int) matrix.rows();
  }
}
