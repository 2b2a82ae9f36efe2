package org.longform.bench.figures;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.longform.bench.Settings;
import org.longform.bench.models.ModelShape;
import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;
import org.longform.bench.table.Target;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.cache.KvMemory;
import org.longform.kernels.cache.KvShape;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.tensor.Tensor;

/**
 * The search for the best keys of one token in one layer, as {@code reattention} does it at each
 * step: exact, but most keys are ruled out by bounds and not read. Beside it, in turns, the same
 * search with no memory for bounds, which scores every key.
 */
final class SelectionFigures implements Measurement {
  private static final int BLOCK = 512;
  private static final int BEST = 8;
  // tokens before those that count: Java compiles what prepares a call, and bounds are made
  private static final int WARM = 200;
  private static final int TOKENS = 100;

  @Override
  public String name() {
    return "selection";
  }

  @Override
  public String description() {
    return "best keys of one token among 128k and a million, beside scoring every key";
  }

  @Override
  public void measure(Run run, Report report) {
    Settings settings = run.settings();
    Kernels kernels = settings.device().open(settings.threads());
    double bandwidth = run.roofline().at(settings.threads()).gbytes() * 1e9;
    for (int cached : settings.quick() ? List.of(16_384) : List.of(131_072, 1_048_576)) {
      run.progress("best keys among " + cached);
      report.add(figure(kernels, settings.longShape(), cached, bandwidth));
    }
  }

  private static Figure figure(Kernels kernels, ModelShape shape, int cached, double bandwidth) {
    SplittableRandom random = new SplittableRandom(cached);
    int width = shape.kvHeads() * shape.headDim();
    KvShape layer = new KvShape(1, shape.kvHeads(), shape.headDim(), KvDType.F16);
    // pages fit, and nothing more
    KvMemory full = new KvMemory(cached * layer.bytesPerToken(), Path.of("."));
    Kernels.Turn turn = kernels.turn();
    try (KvCache cache = new KvCache(layer, KvMemory.UNLIMITED, kernels.memory());
        KvCache plain = new KvCache(layer, full, kernels.memory())) {
      for (int from = 0; from < cached; from += BLOCK) {
        try (Tensor rows = normal(random, BLOCK, width)) {
          for (KvCache each : List.of(cache, plain)) {
            each.reserve(BLOCK);
            kernels.store(each, 0, 0, rows, rows);
            each.commit();
          }
        }
      }
      double[] ours = new double[TOKENS];
      double[] every = new double[TOKENS];
      double scored = 0;
      for (int token = -WARM; token < TOKENS; token++) {
        try (Tensor queries = normal(random, 1, shape.heads() * shape.headDim())) {
          Timed bounded = Timed.search(kernels, queries, cache.view(0));
          Timed unbounded = Timed.search(kernels, queries, plain.view(0));
          if (!bounded.agrees(unbounded)) {
            throw new IllegalStateException("The bounded search found other keys.");
          }
          if (token >= 0) {
            ours[token] = bounded.seconds();
            every[token] = unbounded.seconds();
            scored += (double) bounded.found().rescored() / shape.heads() / cached / TOKENS;
          }
        }
      }
      double seconds = Samples.median(ours);
      double reading = (double) cached * width * Short.BYTES / bandwidth;
      return Figure.valued(
          "best %d keys of %,d, one layer of %s; scoring every key takes %.1f ms"
              .formatted(BEST, cached, shape.name(), Samples.median(every) * 1e3),
          "ms",
          seconds * 1e3,
          Samples.median(every) / seconds,
          Target.ratio(1, Double.NaN),
          "the same keys; normal numbers, of which %.2g %% are scored from the key itself; merely reading all keys would take %.1f ms at the measured bandwidth; median of %d tokens after %d"
              .formatted(100 * scored, reading * 1e3, TOKENS, WARM));
    } finally {
      turn.close();
    }
  }

  private record Timed(TopKeys found, double seconds) {
    static Timed search(Kernels kernels, Tensor queries, KvView view) {
      long begin = System.nanoTime();
      TopKeys found =
          kernels.topKeys(
              new TopKeysRequest(
                  queries,
                  view,
                  0,
                  view.end() - 1,
                  QueryRange.ALL,
                  BEST,
                  TopKeysRequest.Scoring.EXACT));
      return new Timed(found, (System.nanoTime() - begin) / 1e9);
    }

    boolean agrees(Timed other) {
      return Arrays.equals(found.rows(), other.found.rows())
          && Arrays.equals(found.scores(), other.found.scores());
    }
  }

  private static Tensor normal(SplittableRandom random, int rows, int width) {
    float[] values = new float[rows * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.of(values, rows, width);
  }
}
