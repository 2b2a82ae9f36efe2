package org.longform.generate;

import java.util.Arrays;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.stream.IntStream;

/** The tokens that may still be drawn, by ascending id, with weights relative to the best one. */
final class Candidates {
  private final int[] ids;

  /** exp((score - best score) / temperature) of each of the ids: 1 for the best, never 0. */
  private final double[] weights;

  // how many ids there are
  private int size;

  /**
   * All tokens whose weight is not too small for a double, or those of the best ones.
   *
   * @param topK how many, and those that tie with the last of them; 0 for all
   */
  Candidates(double[] scores, int best, double temperature, int topK) {
    // a vocabulary has 100,000 tokens and more: only of those that stay is a weight computed
    double least = kthBest(scores, topK);
    ids = new int[scores.length];
    weights = new double[scores.length];
    for (int id = 0; id < scores.length; id++) {
      if (scores[id] >= least) {
        ids[size] = id;
        weights[size++] = StrictMath.exp((scores[id] - scores[best]) / temperature);
      }
    }
    keepFrom(Double.MIN_VALUE);
  }

  /** The k-th highest score; below all of them if k is 0 or there are no more than k. */
  private static double kthBest(double[] scores, int k) {
    if (k == 0 || k >= scores.length) {
      return Double.NEGATIVE_INFINITY;
    }
    // the lowest of the k best so far comes first
    PriorityQueue<Double> highest = new PriorityQueue<>(k);
    double least = Double.NEGATIVE_INFINITY;
    for (double score : scores) {
      if (highest.size() == k && score <= least) {
        continue;
      }
      if (highest.size() == k) {
        highest.poll();
      }
      highest.add(score);
      least = highest.peek();
    }
    return least;
  }

  /** The highest score; of equal ones the lowest id. */
  static int argmax(double[] scores) {
    int best = -1;
    for (int id = 0; id < scores.length; id++) {
      if (scores[id] > (best < 0 ? Double.NEGATIVE_INFINITY : scores[best])) {
        best = id;
      }
    }
    if (best < 0) {
      throw Sampler.noneFinite(scores.length);
    }
    return best;
  }

  // drops the least probable tokens whose probabilities together stay within 1 - p
  void keepTopP(double p) {
    if (p >= 1) {
      return;
    }
    double droppable = (1 - p) * sum();
    // tokens this small fit into the droppable share all together: no need to sort them
    double negligible = droppable / 2 / size;
    double dropped = 0;
    for (int i = 0; i < size; i++) {
      dropped += weights[i] < negligible ? weights[i] : 0;
    }
    Integer[] ascending =
        IntStream.range(0, size)
            .filter(i -> weights[i] >= negligible)
            .boxed()
            .sorted(
                Comparator.<Integer>comparingDouble(i -> weights[i])
                    .thenComparing(Comparator.reverseOrder()))
            .toArray(Integer[]::new);
    int from = 0;
    while (from < ascending.length - 1 && dropped + weights[ascending[from]] <= droppable) {
      dropped += weights[ascending[from]];
      from++;
    }
    keep(Arrays.stream(ascending, from, ascending.length).mapToInt(i -> i).sorted().toArray());
  }

  void keepMinP(double share) {
    // the best token has weight 1
    if (share > 0) {
      keepFrom(share);
    }
  }

  /** Keeps what has at least some weight. */
  private void keepFrom(double least) {
    int kept = 0;
    for (int i = 0; i < size; i++) {
      if (weights[i] >= least) {
        move(i, kept++);
      }
    }
    size = kept;
  }

  /** Keeps what has some places, in ascending order. */
  private void keep(int[] places) {
    for (int i = 0; i < places.length; i++) {
      move(places[i], i);
    }
    size = places.length;
  }

  private void move(int from, int to) {
    ids[to] = ids[from];
    weights[to] = weights[from];
  }

  /**
   * @param uniform in [0, 1)
   */
  int draw(double uniform) {
    double target = uniform * sum();
    double running = 0;
    for (int i = 0; i < size; i++) {
      running += weights[i];
      if (running > target) {
        return ids[i];
      }
    }
    return ids[size - 1];
  }

  /** Of all tokens, by id; 0 for those that are no candidates. */
  double[] probabilities() {
    double sum = sum();
    double[] probabilities = new double[ids.length];
    for (int i = 0; i < size; i++) {
      probabilities[ids[i]] = weights[i] / sum;
    }
    return probabilities;
  }

  int[] ids() {
    return Arrays.copyOf(ids, size);
  }

  private double sum() {
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += weights[i];
    }
    return sum;
  }
}
