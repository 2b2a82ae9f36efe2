package org.longform.read;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;
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
  private final LongUnaryOperator documentToken;
  private final Map<Long, Double> massOfStep = new HashMap<>();
  private final Map<Long, Double> squaresByToken = new HashMap<>();

  /**
   * @param documentToken which token of the document a row of the session is; negative if none
   */
  EvidenceCollector(DocumentTokens document, LongUnaryOperator documentToken) {
    this.document = document;
    this.documentToken = documentToken;
  }

  @Override
  public void add(long row, float mass) {
    long token = documentToken.applyAsLong(row);
    if (token >= 0) {
      massOfStep.merge(token, (double) mass, Double::sum);
    }
  }

  /** One token of the answer was read. */
  void endStep() {
    massOfStep.forEach((token, mass) -> squaresByToken.merge(token, mass * mass, Double::sum));
    massOfStep.clear();
  }

  /**
   * The sentences with the largest share of the attention on the document, best first. The texts
   * are gone through once more, and of each only its best sentences are kept.
   *
   * @param parts as they were read
   */
  List<Evidence> best(Iterator<Part> parts, int count) {
    endStep();
    double total = squaresByToken.values().stream().mapToDouble(Double::doubleValue).sum();
    long[] tokens = squaresByToken.keySet().stream().mapToLong(Long::longValue).sorted().toArray();
    List<Evidence> best = new ArrayList<>();
    int next = 0;
    long begin = 0;
    while (next < tokens.length && parts.hasNext()) {
      Part part = parts.next();
      long end = begin + part.text().length();
      int first = next;
      while (next < tokens.length && document.middle(tokens[next]) < end) {
        next++;
      }
      addSentences(part, begin, tokens, first, next, total, best);
      keepBest(best, count);
      begin = end + PartsReader.SEPARATOR.length();
    }
    return best;
  }

  /** The sentences of one text that hold some of its tokens, those {@code from} to {@code to}. */
  private void addSentences(
      Part part, long begin, long[] tokens, int from, int to, double total, List<Evidence> all) {
    Sentences sentences = new Sentences(part.text());
    Map<Integer, Double> massBySentence = new HashMap<>();
    for (int i = from; i < to; i++) {
      long place = document.middle(tokens[i]) - begin;
      if (place >= 0) { // tokens of a separator stand for no text
        massBySentence.merge(
            sentences.startBefore((int) place), squaresByToken.get(tokens[i]), Double::sum);
      }
    }
    massBySentence.forEach(
        (start, mass) -> {
          int end = sentences.endAfter(start);
          String text = part.text().substring(start, end);
          all.add(new Evidence(part.doc(), part.row(), start, end, text, mass / total));
        });
  }

  private static void keepBest(List<Evidence> evidence, int count) {
    // equal masses in the order of the text, so that the list does not depend on hashing
    evidence.sort(
        Comparator.comparingDouble(Evidence::score)
            .reversed()
            .thenComparing(Evidence::row)
            .thenComparing(Evidence::start));
    if (evidence.size() > count) {
      evidence.subList(count, evidence.size()).clear();
    }
  }
}
