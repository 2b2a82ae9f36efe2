package org.longform.kernels.context;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.tensor.Tensor;

/**
 * The memory units of one layer: blocks of consecutive tokens, each with one key for each query
 * head, the mean of the keys of those of its tokens that got most attention from that head while
 * they were near.
 */
final class MemoryUnits {
  private final InfLlm.Units sizes;
  private final long firstRow;
  private final HeadMasses received;
  // of the block that is being read; taken over when it was read
  private final HeadMasses staged = new HeadMasses();
  // (H*D) of each unit
  private final List<float[]> keys;
  private int heads;

  /**
   * @param firstRow first token of the first unit
   */
  MemoryUnits(InfLlm.Units sizes, long firstRow) {
    this(sizes, firstRow, new HeadMasses(), new ArrayList<>());
  }

  private MemoryUnits(InfLlm.Units sizes, long firstRow, HeadMasses received, List<float[]> keys) {
    this.sizes = sizes;
    this.firstRow = firstRow;
    this.received = received;
    this.keys = keys;
  }

  /**
   * Makes units of all tokens that leave the window, as far as they fill one. What was heard of a
   * block that was not read to its end is forgotten.
   *
   * @param end one past the last token that may be in a unit
   * @param queryHeads heads of the layer's queries
   */
  void beginBlock(KvView cache, int queryHeads, long end) {
    heads = queryHeads;
    staged.clear();
    while (firstToken(keys.size() + 1) <= end) {
      long from = firstToken(keys.size());
      keys.add(key(cache, from));
      received.dropBefore(from + sizes.size());
    }
  }

  /** First token of a unit, that of the next one included. */
  private long firstToken(int unit) {
    return firstRow + unit * sizes.size();
  }

  /** One past the last token of all units. */
  long end() {
    return firstToken(keys.size());
  }

  int count() {
    return keys.size();
  }

  private float[] key(KvView cache, long from) {
    int headDim = cache.headDim();
    float[] key = new float[heads * headDim];
    float[] one = new float[headDim];
    for (int h = 0; h < heads; h++) {
      long[] chosen = representatives(h, from);
      for (long row : chosen) {
        cache.readKey(h * cache.kvHeads() / heads, row, one);
        for (int d = 0; d < headDim; d++) {
          key[h * headDim + d] += one[d] / chosen.length;
        }
      }
    }
    return key;
  }

  /** Those that got most attention; of equals the earlier ones. */
  private long[] representatives(int head, long from) {
    return LongStream.range(from, from + sizes.size())
        .boxed()
        .sorted((a, b) -> Float.compare(received.of(b, head), received.of(a, head)))
        .limit(sizes.representatives())
        .mapToLong(Long::longValue)
        .toArray();
  }

  void heard(long row, int head, float mass) {
    staged.add(row, head, heads, mass);
  }

  /** The block was read. */
  void endBlock() {
    received.addAll(staged);
    staged.clear();
    received.dropBefore(end());
  }

  /**
   * The units whose keys match the mean of a block's queries best, in order; all if they are not
   * more than wanted. Of equals the earlier one.
   *
   * @param queries (T, H*D) before rotation
   * @param position where the queries stand, the keys being at 0
   * @return one list, or one for each query head
   */
  int[][] best(Tensor queries, int headDim, PositionEncoding encoding, double position) {
    float[] mean = mean(queries, headDim, encoding, position);
    if (!sizes.eachHead()) {
      return new int[][] {best(mean, 0, mean.length)};
    }
    int[][] best = new int[heads][];
    for (int h = 0; h < heads; h++) {
      best[h] = best(mean, h * headDim, headDim);
    }
    return best;
  }

  private int[] best(float[] query, int from, int width) {
    Integer[] units = new Integer[keys.size()];
    float[] scores = new float[units.length];
    for (int unit = 0; unit < units.length; unit++) {
      units[unit] = unit;
      scores[unit] = dot(query, keys.get(unit), from, width);
    }
    if (units.length > sizes.seen()) {
      Arrays.sort(units, (a, b) -> Float.compare(scores[b], scores[a]));
    }
    return Arrays.stream(units).limit(sizes.seen()).mapToInt(Integer::intValue).sorted().toArray();
  }

  /** All rows stand at one position, so that the mean may be turned in place of each. */
  private static float[] mean(
      Tensor queries, int headDim, PositionEncoding encoding, double position) {
    float[] all = queries.toArray();
    int tokens = Math.toIntExact(queries.rows());
    float[] mean = new float[all.length / tokens];
    for (int i = 0; i < all.length; i++) {
      mean[i % mean.length] += all[i] / tokens;
    }
    if (encoding instanceof PositionEncoding.Rope rope) {
      for (int at = 0; at < mean.length; at += headDim) {
        rope.rotate(mean, at, position);
      }
    }
    return mean;
  }

  private static float dot(float[] a, float[] b, int from, int width) {
    float sum = 0;
    for (int i = from; i < from + width; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  MemoryUnits copy() {
    return new MemoryUnits(sizes, firstRow, received.copy(), new ArrayList<>(keys));
  }
}
