package org.longform.kernels.context;

import java.util.Arrays;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.device.KeyScoresRequest;

/**
 * Finds the chunks of keys that match a block's queries best without looking at every key: in each
 * chunk it goes down to the half whose probed key matches better (InfiniteHiP's SelectRep).
 */
final class ChunkSearch {
  /** Which keys are probed, and what a chunk's score is. */
  enum Probe {
    /** The middle of each half, of equals the later half; the best score on the way (the code). */
    MIDDLE,
    /** The first of each half, of equals the later half; the last score on the way (the paper). */
    FIRST
  }

  /**
   * @param eachHead whether each query head chooses its own chunks
   * @param indexedLayers first layers, in which a key is probed at the number of its chunk; in the
   *     others at 0 in the left half and at 1 in the right one
   */
  record Probing(Probe probe, boolean eachHead, int indexedLayers) {}

  private final PlanRequest request;
  private final Probing probing;
  private final long away;
  private final int headDim;
  private final int heads;
  private final float[] queries;

  /**
   * @param away how far the query stands from what is probed
   */
  ChunkSearch(PlanRequest request, Probing probing, long away) {
    this.request = request;
    this.probing = probing;
    this.away = away;
    headDim = request.cache().headDim();
    queries = request.queries().toArray();
    heads = queries.length / request.tokens() / headDim;
  }

  /** The same candidates for each list that is chosen. */
  long[][] forEachList(long[] candidates) {
    long[][] lists = new long[probing.eachHead ? heads : 1][];
    Arrays.fill(lists, candidates);
    return lists;
  }

  /** The best of some chunks for each list, in order; all where not more are there than kept. */
  long[][] best(long[][] candidates, InfiniteHip.Stage stage) {
    int count = candidates[0].length;
    if (count <= stage.chunksKept()) {
      return candidates;
    }
    float[] scores = scores(candidates, stage);
    long[][] best = new long[candidates.length][];
    for (int g = 0; g < candidates.length; g++) {
      best[g] = best(candidates[g], listScores(scores, g, count), stage.chunksKept());
    }
    return best;
  }

  /** A list's scores: those of its head, or of all heads the best. */
  private float[] listScores(float[] scores, int list, int count) {
    if (probing.eachHead) {
      return Arrays.copyOfRange(scores, list * count, (list + 1) * count);
    }
    float[] best = Arrays.copyOf(scores, count);
    for (int i = count; i < scores.length; i++) {
      best[i % count] = Math.max(best[i % count], scores[i]);
    }
    return best;
  }

  /** Of equals the earlier chunk. */
  private static long[] best(long[] chunks, float[] scores, int kept) {
    return IntStream.range(0, chunks.length)
        .boxed()
        .sorted((a, b) -> Float.compare(scores[b], scores[a]))
        .limit(kept)
        .mapToLong(i -> chunks[i])
        .sorted()
        .toArray();
  }

  /** (H, chunks) */
  private float[] scores(long[][] candidates, InfiniteHip.Stage stage) {
    int count = candidates[0].length;
    long[] from = new long[heads * count];
    for (int h = 0; h < heads; h++) {
      System.arraycopy(candidates[probing.eachHead ? h : 0], 0, from, h * count, count);
    }
    long[] to = Arrays.stream(from).map(start -> start + stage.chunk()).toArray();
    float[] scores = new float[from.length];
    Arrays.fill(scores, Float.NEGATIVE_INFINITY);
    Probes probes = probes(stage.stride(), count);
    // as often as the longest interval can be halved
    for (int width = stage.chunk(); width > 1; width = (width + 1) / 2) {
      halve(from, to, scores, probes);
    }
    return scores;
  }

  /**
   * How the halves of intervals are probed.
   *
   * @param left queries that meet the left halves' keys
   * @param right queries that meet the right halves' keys
   * @param positions of the keys, in either half
   */
  private record Probes(float[] left, float[] right, double[] positions) {}

  private Probes probes(int stride, int chunks) {
    if (request.layer() < probing.indexedLayers) {
      double[] numbers = IntStream.range(0, chunks).asDoubleStream().toArray();
      float[] turned = turned(stride, t -> Math.min(chunks + away, request.firstRow() + t));
      return new Probes(turned, turned, numbers);
    }
    // a right key at 1 meets a query at n as a key at 0 does one at n-1
    return new Probes(turned(stride, t -> away + 1), turned(stride, t -> away), new double[0]);
  }

  /** Goes down to the better half of each interval. */
  private void halve(long[] from, long[] to, float[] scores, Probes probes) {
    long[] left = new long[from.length];
    long[] right = new long[from.length];
    for (int i = 0; i < from.length; i++) {
      long middle = middle(from[i], to[i]);
      left[i] = probing.probe == Probe.FIRST ? from[i] : middle(from[i], middle);
      right[i] = probing.probe == Probe.FIRST ? middle : middle(middle, to[i]);
    }
    float[] leftScores = keyScores(probes.left, left, probes.positions);
    float[] rightScores = keyScores(probes.right, right, probes.positions);
    for (int i = 0; i < from.length; i++) {
      if (to[i] - from[i] < 2) {
        continue;
      }
      long middle = middle(from[i], to[i]);
      boolean goLeft = leftScores[i] > rightScores[i];
      float better = goLeft ? leftScores[i] : rightScores[i];
      scores[i] = probing.probe == Probe.FIRST ? better : Math.max(scores[i], better);
      to[i] = goLeft ? middle : to[i];
      from[i] = goLeft ? from[i] : middle;
    }
  }

  private static long middle(long from, long to) {
    return (from + to) / 2;
  }

  private float[] keyScores(float[] turned, long[] rows, double[] positions) {
    return request
        .kernels()
        .keyScores(
            new KeyScoresRequest(
                turned, heads, request.cache(), rows, request.encoding(), positions));
  }

  /**
   * The queries at some positions, the mean of every {@code stride} of them.
   *
   * @param position of a row of the block
   */
  private float[] turned(int stride, IntToDoubleFunction position) {
    int width = heads * headDim;
    int tokens = request.tokens();
    float[] means = new float[(tokens + stride - 1) / stride * width];
    float[] one = new float[width];
    for (int t = 0; t < tokens; t++) {
      System.arraycopy(queries, t * width, one, 0, width);
      if (request.encoding() instanceof PositionEncoding.Rope rope) {
        for (int h = 0; h < heads; h++) {
          rope.rotate(one, h * headDim, position.applyAsDouble(t));
        }
      }
      int group = t / stride;
      int members = Math.min(stride, tokens - group * stride);
      for (int i = 0; i < width; i++) {
        means[group * width + i] += one[i] / members;
      }
    }
    return means;
  }
}
