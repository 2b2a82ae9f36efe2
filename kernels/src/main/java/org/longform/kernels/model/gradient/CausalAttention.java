package org.longform.kernels.model.gradient;

import org.longform.kernels.model.LayerShape;

/**
 * Full causal attention and its derivatives. T tokens, H query heads, G key/value heads, D head
 * dimensions; queries and keys are turned to their positions already.
 */
final class CausalAttention {
  private final LayerShape shape;
  private final int headDim;
  private final double scale;
  private final int tokens;
  private final double[] queries;
  private final double[] keys;
  private final double[] values;
  // (H, T, T): what each token gives to those up to it
  private final double[] probabilities;

  /**
   * @param queries (T, H*D)
   * @param keys (T, G*D)
   * @param values (T, G*D)
   */
  CausalAttention(LayerShape shape, int headDim, double[] queries, double[] keys, double[] values) {
    this.shape = shape;
    this.headDim = headDim;
    this.scale = 1 / Math.sqrt(headDim);
    this.tokens = queries.length / (shape.heads() * headDim);
    this.queries = queries;
    this.keys = keys;
    this.values = values;
    this.probabilities = new double[shape.heads() * tokens * tokens];
  }

  /** The derivatives by queries, keys and values, of their shapes. */
  record Derivatives(double[] queries, double[] keys, double[] values) {}

  /** (T, H*D). */
  double[] forward() {
    double[] mixed = new double[queries.length];
    for (int head = 0; head < shape.heads(); head++) {
      for (int t = 0; t < tokens; t++) {
        softmax(head, t);
        for (int s = 0; s <= t; s++) {
          double p = probabilities[place(head, t, s)];
          for (int d = 0; d < headDim; d++) {
            mixed[query(head, t) + d] += p * values[key(head, s) + d];
          }
        }
      }
    }
    return mixed;
  }

  private void softmax(int head, int t) {
    double max = Double.NEGATIVE_INFINITY;
    for (int s = 0; s <= t; s++) {
      double logit = scale * dot(queries, query(head, t), keys, key(head, s));
      probabilities[place(head, t, s)] = logit;
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (int s = 0; s <= t; s++) {
      double e = Math.exp(probabilities[place(head, t, s)] - max);
      probabilities[place(head, t, s)] = e;
      sum += e;
    }
    for (int s = 0; s <= t; s++) {
      probabilities[place(head, t, s)] /= sum;
    }
  }

  /**
   * To be called after {@link #forward}.
   *
   * @param dMixed (T, H*D)
   */
  Derivatives backward(double[] dMixed) {
    Derivatives all =
        new Derivatives(
            new double[queries.length], new double[keys.length], new double[values.length]);
    double[] dProbabilities = new double[tokens];
    for (int head = 0; head < shape.heads(); head++) {
      for (int t = 0; t < tokens; t++) {
        int q = query(head, t);
        double mean = 0;
        for (int s = 0; s <= t; s++) {
          dProbabilities[s] = dot(dMixed, q, values, key(head, s));
          mean += probabilities[place(head, t, s)] * dProbabilities[s];
        }
        for (int s = 0; s <= t; s++) {
          double p = probabilities[place(head, t, s)];
          double dLogit = scale * p * (dProbabilities[s] - mean);
          int k = key(head, s);
          for (int d = 0; d < headDim; d++) {
            all.values[k + d] += p * dMixed[q + d];
            all.queries[q + d] += dLogit * keys[k + d];
            all.keys[k + d] += dLogit * queries[q + d];
          }
        }
      }
    }
    return all;
  }

  private int place(int head, int t, int s) {
    return (head * tokens + t) * tokens + s;
  }

  private int query(int head, int t) {
    return (t * shape.heads() + head) * headDim;
  }

  private int key(int head, int s) {
    int sharers = shape.heads() / shape.kvHeads();
    return (s * shape.kvHeads() + head / sharers) * headDim;
  }

  private double dot(double[] a, int from, double[] b, int at) {
    double sum = 0;
    for (int d = 0; d < headDim; d++) {
      sum += a[from + d] * b[at + d];
    }
    return sum;
  }
}
