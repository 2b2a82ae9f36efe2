package org.longform.datasets.tasks;

import java.util.Comparator;
import java.util.List;
import org.longform.datasets.articles.Fact;

/** Facts by their place in an article. */
final class Depths {
  private Depths() {}

  /** The so many facts nearest to a depth, the nearest first, of equals the earlier one. */
  static List<AskedFact> nearest(List<Fact> facts, long length, double depth, int count) {
    return facts.stream()
        .sorted(
            Comparator.comparingDouble(fact -> Math.abs((double) fact.start() / length - depth)))
        .limit(count)
        .map(fact -> new AskedFact(depth, fact))
        .toList();
  }
}
