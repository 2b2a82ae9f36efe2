package org.longform.bench.figures;

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
 * step: exact, but most keys are ruled out by bounds and not read.
 */
final class SelectionFigures implements Measurement {
  private static final int BLOCK = 512;
  private static final int BEST = 8;
  private static final int ROUNDS = 20;

  @Override
  public String name() {
    return "selection";
  }

  @Override
  public String description() {
    return "best keys of one token among 128k and a million, beside the time that reading all keys takes";
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
    Kernels.Turn turn = kernels.turn();
    try (KvCache cache = new KvCache(layer, KvMemory.UNLIMITED, kernels.memory())) {
      for (int from = 0; from < cached; from += BLOCK) {
        try (Tensor rows = normal(random, BLOCK, width)) {
          cache.reserve(BLOCK);
          kernels.store(cache, 0, 0, rows, rows);
          cache.commit();
        }
      }
      double[] seconds = new double[ROUNDS];
      double rescored = 0;
      // the first search makes the bounds, once for the life of a page
      search(kernels, cache.view(0), shape, random);
      for (int round = 0; round < ROUNDS; round++) {
        long begin = System.nanoTime();
        TopKeys found = search(kernels, cache.view(0), shape, random);
        seconds[round] = (System.nanoTime() - begin) / 1e9;
        rescored += (double) found.rescored() / shape.heads() / cached / ROUNDS;
      }
      double all = (double) cached * width * Short.BYTES / bandwidth;
      double ours = Samples.median(seconds);
      return Figure.valued(
          "best %d keys of %,d, one layer of %s; reading all keys takes %.2f ms"
              .formatted(BEST, cached, shape.name(), all * 1e3),
          "ms",
          ours * 1e3,
          all / ours,
          Target.ratio(1, Double.NaN),
          "exact; all keys at the measured read bandwidth over ours; normal numbers, of which %.2g %% are scored from the key itself; median of %d tokens"
              .formatted(100 * rescored, ROUNDS));
    } finally {
      turn.close();
    }
  }

  private static TopKeys search(
      Kernels kernels, KvView view, ModelShape shape, SplittableRandom random) {
    try (Tensor queries = normal(random, 1, shape.heads() * shape.headDim())) {
      return kernels.topKeys(
          new TopKeysRequest(
              queries,
              view,
              0,
              view.end() - 1,
              QueryRange.ALL,
              BEST,
              TopKeysRequest.Scoring.EXACT));
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
