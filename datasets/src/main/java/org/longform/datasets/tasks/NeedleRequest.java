package org.longform.datasets.tasks;

import java.util.HashSet;
import java.util.List;

/**
 * Which retrieval questions to ask.
 *
 * @param lengthTokens tokens of article, question and answer together
 * @param depths where the asked facts stand, each between 0 and 1
 * @param questionsPerDepth how many questions for each depth
 * @param firstArticle number of the first article; 1 gives the articles of the model card
 */
public record NeedleRequest(
    int lengthTokens, List<Double> depths, int questionsPerDepth, int firstArticle) {

  /** The depths of the model card. */
  public static final List<Double> CARD_DEPTHS = List.of(0.0, 0.25, 0.5, 0.75, 1.0);

  /** Tokens kept free for the question and its answer. */
  public static final int RESERVED_TOKENS = 60;

  public NeedleRequest {
    depths = List.copyOf(depths);
    if (lengthTokens <= 2 * RESERVED_TOKENS) {
      throw refusal(
          "the length must be above %d tokens (%d)".formatted(2 * RESERVED_TOKENS, lengthTokens));
    }
    if (questionsPerDepth <= 0) {
      throw refusal(
          "the number of questions per depth must be positive (%d)".formatted(questionsPerDepth));
    }
    if (depths.isEmpty() || !depths.stream().allMatch(depth -> depth >= 0 && depth <= 1)) {
      throw refusal("depths must be given and lie between 0 and 1 (%s)".formatted(depths));
    }
    if (new HashSet<>(depths).size() < depths.size()) {
      throw refusal("a depth is given twice (%s)".formatted(depths));
    }
  }

  /** The questions of a row of the model card, 8 for each of 5 depths. */
  public static NeedleRequest ofCard(int lengthTokens) {
    return new NeedleRequest(lengthTokens, CARD_DEPTHS, 8, 1);
  }

  private static IllegalArgumentException refusal(String why) {
    return new IllegalArgumentException(
        "Cannot make retrieval questions: " + why + ". Correct the request.");
  }
}
