package org.longform.bench.figures;

import java.util.List;
import java.util.SplittableRandom;
import org.longform.bench.Settings;
import org.longform.bench.models.ModelShape.Matrix;
import org.longform.bench.models.RandomModels;
import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;
import org.longform.bench.table.Target;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/** The matrix products of one layer at 512 tokens, as a share of what the machine can do. */
final class MatmulFigures implements Measurement {
  private static final int TOKENS = 512;
  private static final int ROUNDS = 10;
  private static final List<DType> FLOATS = List.of(DType.F32, DType.F16);
  private static final List<DType> BLOCKS = List.of(DType.Q8_0, DType.Q4_0);

  @Override
  public String name() {
    return "matmul";
  }

  @Override
  public String description() {
    return "matrix products of a layer at 512 tokens, of the float32 or int8 peak";
  }

  @Override
  public void measure(Run run, Report report) {
    Settings settings = run.settings();
    Roofline.Row peak = run.roofline().at(settings.threads());
    Kernels kernels = settings.device().open(settings.threads());
    for (DType type : FLOATS) {
      double rate = operationsPerSecond(kernels, type, run) / 1e9;
      report.add(figure(type, "GFLOP/s", rate, peak.gflops(), Target.share(0.8, 0.9)));
    }
    for (DType type : BLOCKS) {
      double rate = operationsPerSecond(kernels, type, run) / 1e9;
      report.add(figure(type, "GOP/s", rate, peak.gops(), Target.share(0.55, 0.75)));
    }
  }

  private static Figure figure(DType type, String unit, double rate, double peak, Target target) {
    return Figure.valued(
        "matmul of a layer at %d tokens, %s".formatted(TOKENS, type),
        unit,
        rate,
        rate / peak,
        target,
        "best of %d rounds, as the peak is".formatted(ROUNDS));
  }

  /** A multiply-add is two operations. */
  private static double operationsPerSecond(Kernels kernels, DType type, Run run) {
    run.progress("matmul " + type);
    double seconds = 0;
    double operations = 0;
    for (Matrix matrix : run.settings().longShape().layerMatrices(0)) {
      operations += 2.0 * TOKENS * matrix.outer() * matrix.inner();
      seconds += seconds(kernels, type, matrix);
    }
    return operations / seconds;
  }

  private static double seconds(Kernels kernels, DType type, Matrix matrix) {
    Shape shape = Shape.of(matrix.outer(), matrix.inner());
    Kernels.Turn turn = kernels.turn();
    try (Memory memory = RandomModels.blocks(type, shape.elements());
        Weight weight = kernels.weight(Tensor.view(type, shape, memory, 0));
        Tensor x = random(TOKENS, matrix.inner());
        Tensor out = Tensor.allocate(TOKENS, matrix.outer())) {
      double best = Double.MAX_VALUE;
      for (int round = 0; round < ROUNDS; round++) {
        long begin = System.nanoTime();
        kernels.matmul(x, weight, out);
        best = Math.min(best, (System.nanoTime() - begin) / 1e9);
      }
      return best;
    } finally {
      turn.close();
    }
  }

  private static Tensor random(long tokens, long inner) {
    SplittableRandom random = new SplittableRandom(2);
    float[] values = new float[Math.toIntExact(tokens * inner)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.of(values, tokens, inner);
  }
}
