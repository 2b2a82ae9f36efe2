package org.longform.generate;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** The tokens that may still be drawn, by ascending id, with weights relative to the best one. */
final class Candidates {
  private int[] ids;

  /** exp((score - best score) / temperature): 1 for the best, 0 where too small to matter. */
  private final double[] weights;

  Candidates(double[] scores, int best, double temperature) {
    weights = new double[scores.length];
    for (int id = 0; id < scores.length; id++) {
      weights[id] = StrictMath.exp((scores[id] - scores[best]) / temperature);
    }
    ids = IntStream.range(0, scores.length).filter(id -> weights[id] > 0).toArray();
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

  void keepTopK(int k) {
    if (k == 0 || k >= ids.length) {
      return;
    }
    double[] sorted = Arrays.stream(ids).mapToDouble(id -> weights[id]).sorted().toArray();
    double kth = sorted[sorted.length - k];
    ids = Arrays.stream(ids).filter(id -> weights[id] >= kth).toArray();
  }

  // drops the least probable tokens whose probabilities together stay within 1 - p
  void keepTopP(double p) {
    if (p >= 1) {
      return;
    }
    double droppable = (1 - p) * sum();
    // tokens this small fit into the droppable share all together: no need to sort them
    double negligible = droppable / 2 / ids.length;
    double dropped = 0;
    for (int id : ids) {
      dropped += weights[id] < negligible ? weights[id] : 0;
    }
    Integer[] ascending =
        Arrays.stream(ids)
            .filter(id -> weights[id] >= negligible)
            .boxed()
            .sorted(
                Comparator.<Integer>comparingDouble(id -> weights[id])
                    .thenComparing(Comparator.reverseOrder()))
            .toArray(Integer[]::new);
    int from = 0;
    while (from < ascending.length - 1 && dropped + weights[ascending[from]] <= droppable) {
      dropped += weights[ascending[from]];
      from++;
    }
    ids = Arrays.stream(ascending, from, ascending.length).mapToInt(id -> id).sorted().toArray();
  }

  void keepMinP(double share) {
    // the best token has weight 1
    if (share > 0) {
      ids = Arrays.stream(ids).filter(id -> weights[id] >= share).toArray();
    }
  }

  /**
   * @param uniform in [0, 1)
   */
  int draw(double uniform) {
    double target = uniform * sum();
    double running = 0;
    for (int id : ids) {
      running += weights[id];
      if (running > target) {
        return id;
      }
    }
    return ids[ids.length - 1];
  }

  /** Of all tokens, by id; 0 for those that are no candidates. */
  double[] probabilities() {
    double sum = sum();
    double[] probabilities = new double[weights.length];
    for (int id : ids) {
      probabilities[id] = weights[id] / sum;
    }
    return probabilities;
  }

  int[] ids() {
    return ids.clone();
  }

  private double sum() {
    double sum = 0;
    for (int id : ids) {
      sum += weights[id];
    }
    return sum;
  }
}
