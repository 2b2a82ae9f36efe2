package org.longform.datasets.tasks;

import java.util.List;

/**
 * One article and the facts asked about it.
 *
 * @param id seed of the article
 * @param text the article, cut at the end of a sentence to the wished length
 * @param questions in the order of their depths
 */
public record NeedleCase(String id, String text, List<AskedFact> questions) {
  public NeedleCase {
    questions = List.copyOf(questions);
  }
}
