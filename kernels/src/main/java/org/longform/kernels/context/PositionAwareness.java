package org.longform.kernels.context;

import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.Rows;

/**
 * How strongly a head singles out tokens when positions do not act: the share of cached tokens that
 * get several times the mean attention of the last query (Ms-PoE, section 4). In float64, for one
 * query of a block only.
 */
final class PositionAwareness {
  private final KvView cache;
  private final Rows held;
  private final float[] lastQuery;
  private final int sharers;
  private final double outlier;

  private PositionAwareness(PlanRequest request, double outlier) {
    this.cache = request.cache();
    this.held = cache.held();
    this.lastQuery = request.queries().rows(request.tokens() - 1L, 1).toArray();
    this.sharers = heads(request) / cache.kvHeads();
    this.outlier = outlier;
  }

  /** H. */
  static int heads(PlanRequest request) {
    return Math.toIntExact(request.queries().shape().rowElements() / request.cache().headDim());
  }

  /**
   * The mean of the scores of the query heads that share a key/value head, for each of those.
   *
   * @param outlier how many times the mean a probability must be to count
   */
  static double[] ofGroups(PlanRequest request, double outlier) {
    PositionAwareness awareness = new PositionAwareness(request, outlier);
    double[] scores = new double[request.cache().kvHeads()];
    for (int group = 0; group < scores.length; group++) {
      scores[group] = awareness.ofGroup(group);
    }
    return scores;
  }

  private double ofGroup(int group) {
    double[][] logits = logits(group);
    double sum = 0;
    for (double[] ofHead : logits) {
      sum += share(ofHead);
    }
    return sum / logits.length;
  }

  /** Logits of the last query of each head of a group with all cached keys, un-rotated. */
  private double[][] logits(int group) {
    int headDim = cache.headDim();
    double scale = 1 / Math.sqrt(headDim);
    double[][] logits = new double[sharers][Math.toIntExact(held.count(0))];
    float[] keys = new float[KvView.pageRows() * headDim];
    int at = 0;
    for (int i = 0; i < held.ranges(0); i++) {
      long end = held.end(0, i);
      for (long row = held.start(0, i); row < end; ) {
        int count = cache.contiguous(row, end);
        cache.readKeys(group, row, count, keys, 0);
        for (int head = 0; head < sharers; head++) {
          int query = (group * sharers + head) * headDim;
          for (int j = 0; j < count; j++) {
            logits[head][at + j] = scale * product(query, keys, j * headDim, headDim);
          }
        }
        at += count;
        row += count;
      }
    }
    return logits;
  }

  private double product(int query, float[] keys, int key, int headDim) {
    double sum = 0;
    for (int d = 0; d < headDim; d++) {
      sum += (double) lastQuery[query + d] * keys[key + d];
    }
    return sum;
  }

  /** Share of the tokens whose probability is at least {@code outlier} times the mean. */
  private double share(double[] logits) {
    double largest = Double.NEGATIVE_INFINITY;
    for (double logit : logits) {
      largest = Math.max(largest, logit);
    }
    double sum = 0;
    for (int i = 0; i < logits.length; i++) {
      logits[i] = Math.exp(logits[i] - largest);
      sum += logits[i];
    }
    // probabilities add up to 1, so their mean is one in so many
    double least = outlier * sum / logits.length;
    int outliers = 0;
    for (double weight : logits) {
      outliers += weight >= least ? 1 : 0;
    }
    return (double) outliers / logits.length;
  }
}
