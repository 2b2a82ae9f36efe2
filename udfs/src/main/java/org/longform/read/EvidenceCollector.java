package org.longform.read;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.attention.ColumnMass;

/**
 * Adds up the attention that the tokens of an answer paid to the tokens of the document, and tells
 * the sentences that got most of it.
 *
 * <p>What counts is the square of the attention that one answer token paid to one document token,
 * over all heads and layers. Every token pays a little to many neighbours in its window, which adds
 * up to more than the few sharp looks with which a value is copied; squared, the sharp ones count.
 */
final class EvidenceCollector implements ColumnMass {
  private final DocumentTokens document;
  private final Map<Long, Double> massOfStep = new HashMap<>();
  private final Map<Long, Double> squaresByToken = new HashMap<>();

  EvidenceCollector(DocumentTokens document) {
    this.document = document;
  }

  @Override
  public void add(long row, float mass) {
    if (document.covers(row)) {
      massOfStep.merge(row, (double) mass, Double::sum);
    }
  }

  /** One token of the answer was read. */
  void endStep() {
    massOfStep.forEach((row, mass) -> squaresByToken.merge(row, mass * mass, Double::sum));
    massOfStep.clear();
  }

  /** The sentences with the largest share of the attention on the document, best first. */
  List<Evidence> best(String text, int count) {
    endStep();
    Sentences sentences = new Sentences(text);
    Map<Integer, Double> massBySentence = new HashMap<>();
    double total = 0;
    for (Map.Entry<Long, Double> entry : squaresByToken.entrySet()) {
      int start = sentences.startBefore(document.middle(entry.getKey()));
      massBySentence.merge(start, entry.getValue(), Double::sum);
      total += entry.getValue();
    }
    List<Map.Entry<Integer, Double>> ranked = new ArrayList<>(massBySentence.entrySet());
    // equal masses in the order of the text, so that the list does not depend on hashing
    ranked.sort(
        Map.Entry.<Integer, Double>comparingByValue()
            .reversed()
            .thenComparing(Map.Entry.comparingByKey(Comparator.naturalOrder())));
    List<Evidence> best = new ArrayList<>();
    for (Map.Entry<Integer, Double> entry : ranked.subList(0, Math.min(count, ranked.size()))) {
      int start = entry.getKey();
      int end = sentences.endAfter(start);
      best.add(new Evidence("", start, end, text.substring(start, end), entry.getValue() / total));
    }
    return best;
  }
}
