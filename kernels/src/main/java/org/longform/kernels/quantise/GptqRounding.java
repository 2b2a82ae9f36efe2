package org.longform.kernels.quantise;

import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.cblas_dgemm;

import java.util.stream.IntStream;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Tensor;

/**
 * The inner loop of GPTQ (Frantar et al. 2022, algorithm 1) for one matrix: column after column is
 * rounded, and those that follow make up for its error. Rows are independent of each other, so a
 * panel of them is taken at a time; a block's errors reach the columns behind it in one product.
 */
final class GptqRounding {
  private static final int PANEL_ROWS = 128;

  private final GroupedGrid grid;
  private final int block;
  private final boolean staticGroups;
  private final InverseFactor factor;
  private final int width;
  private final int group;

  /**
   * @param block columns whose errors are carried on together
   * @param staticGroups whether a group's levels come from the weights as they were, instead of as
   *     they are when its first column is reached; needed where columns are taken in another order
   */
  GptqRounding(GroupedGrid grid, int block, boolean staticGroups, InverseFactor factor) {
    this.grid = grid;
    this.block = block;
    this.factor = factor;
    this.width = factor.width();
    this.group = grid.sizeIn(width);
    this.staticGroups = staticGroups || group == width;
  }

  /** The matrix (O, I) rounded. */
  StoredMatrix round(Tensor matrix) {
    StoredMatrix stored = new StoredMatrix(matrix.shape(), grid.storage(width).dtype());
    int rows = GroupedGrid.rows(matrix);
    int most = Math.min(PANEL_ROWS, rows);
    try (Memory weights = Memory.allocate((long) most * width * Double.BYTES);
        Memory errors = Memory.allocate((long) most * Math.min(block, width) * Double.BYTES)) {
      for (int first = 0; first < rows; first += most) {
        new Panel(matrix, first, Math.min(most, rows - first), weights, errors).round(stored);
      }
      return stored;
    } catch (Throwable e) {
      stored.close();
      throw e;
    }
  }

  /** One past the block that begins at this place: no group of changing levels crosses its end. */
  private int end(int from) {
    int end = Math.min(width, from + block);
    if (staticGroups || end == width) {
      return end;
    }
    return group <= block
        ? from + block / group * group
        : Math.min(end, (from / group + 1) * group);
  }

  /** Some rows of the matrix; columns by the places in which they are quantised. */
  private final class Panel {
    private final Tensor matrix;
    private final int first;
    private final int rows;
    private final Memory weights;
    private final Memory errors;
    private final int[][] levels;
    private final Step[][] steps;

    Panel(Tensor matrix, int first, int rows, Memory weights, Memory errors) {
      this.matrix = matrix;
      this.first = first;
      this.rows = rows;
      this.weights = weights;
      this.errors = errors;
      this.levels = new int[rows][width];
      this.steps = new Step[rows][grid.groupsIn(width)];
    }

    void round(StoredMatrix target) {
      IntStream.range(0, rows).parallel().forEach(this::load);
      for (int from = 0; from < width; ) {
        int to = end(from);
        round(from, to);
        from = to;
      }
      for (int r = 0; r < rows; r++) {
        target.put(first + r, levels[r], steps[r], group);
      }
    }

    private void load(int r) {
      float[] row = new float[width];
      matrix.read((long) (first + r) * width, row);
      double[] ordered = new double[width];
      for (int i = 0; i < width; i++) {
        row[i] = factor.isDead(i) ? 0 : row[i];
      }
      for (int i = 0; i < width; i++) {
        ordered[i] = row[factor.column(i)];
      }
      if (staticGroups) {
        steps[r] = grid.fit(row);
      }
      weights.doubles((long) r * width * Double.BYTES, width).put(ordered);
    }

    private void round(int from, int to) {
      int count = to - from;
      double[][] u = new double[count][count];
      for (int j = 0; j < count; j++) {
        double[] rest = new double[count - j];
        factor.read(from + j, from + j, to, rest);
        System.arraycopy(rest, 0, u[j], j, rest.length);
      }
      IntStream.range(0, rows).parallel().forEach(r -> round(r, from, u));
      if (to < width) {
        int rest = width - to;
        // weights[., to…] -= errors · U[from…to, to…]
        cblas_dgemm(
            CblasRowMajor,
            CblasNoTrans,
            CblasNoTrans,
            rows,
            rest,
            count,
            -1,
            errors.doubles(0, (long) rows * count),
            count,
            factor.at(from, to, (long) (count - 1) * width + rest),
            width,
            1,
            weights.doubles((long) to * Double.BYTES, (long) (rows - 1) * width + rest),
            width);
      }
    }

    private void round(int r, int from, double[][] u) {
      int count = u.length;
      double[] w = read(r, from, from + count);
      double[] error = new double[count];
      for (int j = 0; j < count; j++) {
        int column = factor.column(from + j);
        if (!staticGroups && (from + j) % group == 0) {
          steps[r][column / group] = fit(r, from, j, w);
        }
        Step step = steps[r][column / group];
        int level = step.level(w[j]);
        levels[r][column] = level;
        error[j] = (w[j] - step.value(level)) / u[j][j];
        for (int k = j + 1; k < count; k++) {
          w[k] -= error[j] * u[j][k];
        }
      }
      errors.doubles((long) r * count * Double.BYTES, count).put(error);
    }

    /** The levels of the group that begins at place j of the block. */
    private Step fit(int r, int from, int j, double[] w) {
      if (j + group <= w.length || from + w.length == width) {
        return grid.grid().fit(w, j, Math.min(w.length, j + group));
      }
      // it reaches beyond its first block, whose first column it then is
      double[] all = read(r, from, Math.min(width, from + group));
      return grid.grid().fit(all, 0, all.length);
    }

    private double[] read(int r, int from, int to) {
      double[] some = new double[to - from];
      weights.doubles(((long) r * width + from) * Double.BYTES, some.length).get(some);
      return some;
    }
  }
}
