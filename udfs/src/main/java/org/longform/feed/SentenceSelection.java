package org.longform.feed;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Chooses the sentences that a question attends to.
 *
 * @param focus how many tokens are looked for
 * @param phrase over how many neighbouring tokens attention is summed
 * @param limit most tokens of all chosen sentences
 */
record SentenceSelection(int focus, int phrase, int limit) {

  /**
   * How much each token of the context matters.
   *
   * @param attention [question token][context token], summed over heads
   * @param weights of the question's tokens; they count squared, as published
   */
  double[] scores(double[][] attention, double[] weights) {
    double[] scores = new double[attention.length == 0 ? 0 : attention[0].length];
    for (int r = 0; r < attention.length; r++) {
      double[] smoothed = smoothed(attention[r]);
      for (int j = 0; j < scores.length; j++) {
        scores[j] += weights[r] * weights[r] * smoothed[j];
      }
    }
    return scores;
  }

  /** Sums over a window around each token; of an even width one token more lies behind it. */
  double[] smoothed(double[] row) {
    int before = (phrase - 1) / 2;
    double[] sums = new double[row.length];
    for (int j = 0; j < row.length; j++) {
      int end = (int) Math.min(row.length, (long) j - before + phrase);
      for (int i = Math.max(0, j - before); i < end; i++) {
        sums[j] += row[i];
      }
    }
    return sums;
  }

  /**
   * The sentences with at least one of the best tokens, in their order. If they have more tokens
   * than the limit, those whose best token is worse are left out, but never all of them.
   *
   * @param scores of all tokens of the sentences, one after the other
   */
  List<Sentence> select(List<Sentence> sentences, double[] scores) {
    double[] best = bestOfEach(sentences, scores);
    List<Integer> ranked = new ArrayList<>();
    for (int s = 0; s < best.length; s++) {
      if (best[s] != Double.NEGATIVE_INFINITY) {
        ranked.add(s);
      }
    }
    ranked.sort(Comparator.comparingDouble((Integer s) -> best[s]).reversed());
    boolean[] stays = new boolean[best.length];
    long tokens = 0;
    for (int s : ranked) {
      int more = sentences.get(s).length();
      if (tokens == 0 || tokens + more <= limit) {
        stays[s] = true;
        tokens += more;
      }
    }
    return IntStream.range(0, stays.length).filter(s -> stays[s]).mapToObj(sentences::get).toList();
  }

  /** The score of each sentence's best token that is among the best of all; else -infinity. */
  private double[] bestOfEach(List<Sentence> sentences, double[] scores) {
    boolean[] focused = new boolean[scores.length];
    IntStream.range(0, scores.length)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer j) -> scores[j]).reversed())
        .limit(focus)
        .forEach(j -> focused[j] = true);
    double[] best = new double[sentences.size()];
    Arrays.fill(best, Double.NEGATIVE_INFINITY);
    int at = 0;
    for (int s = 0; s < best.length; s++) {
      for (int end = at + sentences.get(s).length(); at < end; at++) {
        if (focused[at]) {
          best[s] = Math.max(best[s], scores[at]);
        }
      }
    }
    return best;
  }
}
