package org.longform.bench.operations;

import java.util.concurrent.TimeUnit;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.cache.KvShape;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.device.AttendRequest;
import org.longform.kernels.device.AttendTaps;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.tensor.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One layer's attention over a long cache, and the search for the best keys in it, with the heads
 * of a 0.5B model: {@code ci/bench jmh Attend}, other sizes by {@code -p cached=131072}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class AttendBenchmark {
  private static final int HEADS = 16;
  private static final int KV_HEADS = 8;
  private static final int HEAD_DIM = 64;
  private static final int BLOCK = 512;
  private static final int BEST = 8;

  @Param("auto")
  public String device;

  @Param({"F16", "Q8"})
  public KvDType cacheType;

  @Param({"1", "128"})
  public int tokens;

  @Param({"4096", "32768"})
  public int cached;

  private Kernels kernels;
  private KvCache cache;
  private KvView view;
  private Tensor queries;
  private Tensor out;
  private AttendRequest attention;
  private TopKeysRequest selection;

  @Setup(Level.Trial)
  public void open() {
    kernels = OpenDevice.open(device);
    cache = new KvCache(new KvShape(1, KV_HEADS, HEAD_DIM, cacheType));
    try (Tensor rows = OpenDevice.random(BLOCK, KV_HEADS * HEAD_DIM)) {
      for (int from = 0; from < cached; from += BLOCK) {
        cache.reserve(BLOCK);
        cache.put(0, rows, rows);
        cache.commit();
      }
    }
    view = cache.view(0);
    queries = OpenDevice.random(tokens, HEADS * HEAD_DIM);
    out = Tensor.allocate(tokens, HEADS * HEAD_DIM);
    attention =
        new AttendRequest(
            queries,
            view,
            AttentionPlan.of(
                Segment.of(
                    view.held(),
                    new KeyPositions.True(),
                    new QueryPositions.True(),
                    new Band.Causal())),
            PositionEncoding.Rope.plain(HEAD_DIM, 500_000),
            1 / Math.sqrt(HEAD_DIM),
            out,
            AttendTaps.NONE);
    selection =
        new TopKeysRequest(
            queries, view, 0, cached - tokens, QueryRange.ALL, BEST, TopKeysRequest.Scoring.EXACT);
  }

  @Benchmark
  public Tensor attend() {
    kernels.attend(attention);
    return out;
  }

  @Benchmark
  public TopKeys topKeys() {
    return kernels.topKeys(selection);
  }

  @TearDown(Level.Trial)
  public void close() {
    cache.close();
    queries.close();
    out.close();
  }
}
