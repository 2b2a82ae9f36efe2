package org.longform.kernels.weights.checkpoint;

import java.util.Optional;
import java.util.stream.IntStream;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.HalfFloats;
import org.longform.kernels.tensor.LevelBlock;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.Halves;

/**
 * Turns a matrix of levels and steps into a type of the engine's own: the one of fewest bytes in
 * which no element differs by more than {@link Halves#TOLERANCE} of the largest of its row. First
 * the types of blocks with whole levels, which need the same step for 32 neighbours and hold it as
 * float16 (exactly, where it was stored so); then float16; then float32. The levels of a block are
 * always exact.
 */
final class MatrixTurn {
  private static final int BLOCK = 32;
  // so many elements are worth a thread
  private static final int PIECE = 1 << 18;

  private final StoredModule module;
  private final QuantisedMatrix matrix;
  private final int rows;
  private final int columns;
  private final int rowsAtOnce;

  private MatrixTurn(StoredModule module, QuantisedMatrix matrix) {
    this.module = module;
    this.matrix = matrix;
    this.rows = Math.toIntExact(matrix.shape().axis(0));
    this.columns = Math.toIntExact(matrix.shape().axis(1));
    int unit = QuantisedMatrix.ROWS_AT_ONCE;
    this.rowsAtOnce = Math.max(1, PIECE / columns / unit) * unit;
  }

  /**
   * What a matrix became.
   *
   * @param exact whether each element is what the checkpoint's formula gives
   */
  record Outcome(DType dtype, boolean exact, long bytes) {
    String told() {
      if (exact) {
        return dtype + " exactly";
      }
      return dtype == DType.F32
          ? "F32, rounded once"
          : "%s, each weight within 1/%d of the largest of its row"
              .formatted(dtype, Math.round(1 / Halves.TOLERANCE));
    }
  }

  /** A matrix in a type of the engine's own; the tensor is the caller's. */
  record Turned(Tensor tensor, Outcome outcome) {}

  static Turned of(StoredModule module, QuantisedMatrix matrix) {
    return new MatrixTurn(module, matrix).turned();
  }

  private Turned turned() {
    Survey blocks = survey(this::surveyBlocks);
    Optional<DType> narrowest = blocks.blockType();
    if (narrowest.isPresent() && blocks.error <= Halves.TOLERANCE) {
      return written(narrowest.get(), blocks.error == 0);
    }
    Survey halves = survey(this::surveyHalves);
    return halves.error <= Halves.TOLERANCE
        ? written(DType.F16, halves.error == 0)
        : written(DType.F32, halves.float32);
  }

  /** What is known of some rows. */
  private static final class Survey {
    // whether the levels are whole numbers, and each block has one step
    private boolean regular = true;
    private float least = Float.POSITIVE_INFINITY;
    private float most = Float.NEGATIVE_INFINITY;
    // the largest error in a row, over the largest element of that row
    private double error;
    // whether float32 holds every element
    private boolean float32 = true;

    void row(double difference, double largest) {
      if (difference > 0) {
        error = Math.max(error, difference / largest);
      }
    }

    static Survey both(Survey a, Survey b) {
      Survey all = new Survey();
      all.regular = a.regular && b.regular;
      all.least = Math.min(a.least, b.least);
      all.most = Math.max(a.most, b.most);
      all.error = Math.max(a.error, b.error);
      all.float32 = a.float32 && b.float32;
      return all;
    }

    Optional<DType> blockType() {
      // no type has more than eight bits
      return regular && least >= Byte.MIN_VALUE && most <= Byte.MAX_VALUE
          ? LevelBlock.narrowest((int) least, (int) most)
          : Optional.empty();
    }
  }

  /** Looks at one row. */
  private interface RowSurvey {
    void look(float[] levels, float[] steps, int at, Survey survey);
  }

  private Survey survey(RowSurvey each) {
    return pieces()
        .mapToObj(
            piece -> {
              Survey survey = new Survey();
              forEachRow(piece, (row, levels, steps, at) -> each.look(levels, steps, at, survey));
              return survey;
            })
        .reduce(new Survey(), Survey::both);
  }

  private void surveyBlocks(float[] levels, float[] steps, int at, Survey survey) {
    if (columns % BLOCK != 0) {
      survey.regular = false;
      return;
    }
    double difference = 0;
    double largest = 0;
    for (int from = at; from < at + columns && survey.regular; from += BLOCK) {
      float step = steps[from];
      float magnitude = 0;
      for (int i = from; i < from + BLOCK; i++) {
        float level = levels[i];
        survey.regular &= steps[i] == step && level == Math.rint(level);
        survey.least = Math.min(survey.least, level);
        survey.most = Math.max(survey.most, level);
        magnitude = Math.max(magnitude, Math.abs(level));
      }
      if (magnitude > 0) {
        double stored = HalfFloats.fromF16(HalfFloats.toF16(step));
        difference = Math.max(difference, Math.abs(stored - step) * magnitude);
        largest = Math.max(largest, Math.abs((double) step) * magnitude);
      }
    }
    survey.row(difference, largest);
  }

  private void surveyHalves(float[] levels, float[] steps, int at, Survey survey) {
    double difference = 0;
    double largest = 0;
    for (int i = at; i < at + columns; i++) {
      double value = (double) levels[i] * steps[i];
      float single = (float) value;
      if (Float.isInfinite(single)) {
        throw module.invalid(
            "the tensors of '%s' give a weight of %s, expected one that float32 holds"
                .formatted(module.name(), value));
      }
      survey.float32 &= single == value;
      double half = HalfFloats.fromF16(HalfFloats.toF16(single));
      difference = Math.max(difference, Math.abs(half - value));
      largest = Math.max(largest, Math.abs(value));
    }
    survey.row(difference, largest);
  }

  private Turned written(DType dtype, boolean exact) {
    Tensor tensor = Tensor.allocate(dtype, matrix.shape());
    try {
      Memory memory = tensor.memory();
      long rowBytes = dtype.bytes(columns);
      pieces()
          .forEach(
              piece ->
                  forEachRow(
                      piece,
                      (row, levels, steps, at) ->
                          write(dtype, levels, steps, at, memory, row * rowBytes)));
      return new Turned(tensor, new Outcome(dtype, exact, memory.size()));
    } catch (Throwable e) {
      tensor.close();
      throw e;
    }
  }

  private void write(DType dtype, float[] levels, float[] steps, int at, Memory memory, long to) {
    if (dtype.isQuantised()) {
      writeBlocks(dtype, levels, steps, at, memory, to);
      return;
    }
    for (int i = 0; i < columns; i++) {
      float value = (float) ((double) levels[at + i] * steps[at + i]);
      if (dtype == DType.F16) {
        memory.putShort(to + (long) i * Short.BYTES, HalfFloats.toF16(value));
      } else {
        memory.putFloat(to + (long) i * Float.BYTES, value);
      }
    }
  }

  private void writeBlocks(
      DType dtype, float[] levels, float[] steps, int at, Memory memory, long to) {
    LevelBlock format = LevelBlock.of(dtype);
    int[] whole = new int[BLOCK];
    for (int i = 0; i < columns; i += BLOCK) {
      boolean zero = true;
      for (int j = 0; j < BLOCK; j++) {
        whole[j] = (int) levels[at + i + j];
        zero &= whole[j] == 0;
      }
      // the step of zeros does not matter, and might be infinite as float16
      short step = zero ? 0 : HalfFloats.toF16(steps[at + i]);
      format.pack(step, whole, 0, memory, to + dtype.bytes(i));
    }
  }

  /** Takes one row, which begins at {@code at} in the arrays. */
  private interface RowAction {
    void take(long row, float[] levels, float[] steps, int at);
  }

  private IntStream pieces() {
    return IntStream.range(0, (rows + rowsAtOnce - 1) / rowsAtOnce).parallel();
  }

  private void forEachRow(int piece, RowAction action) {
    int first = piece * rowsAtOnce;
    int count = Math.min(rowsAtOnce, rows - first);
    float[] levels = new float[count * columns];
    float[] steps = new float[count * columns];
    matrix.read(first, count, levels, steps);
    for (int row = 0; row < count; row++) {
      action.take(first + (long) row, levels, steps, row * columns);
    }
  }
}
