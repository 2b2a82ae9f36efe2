package org.longform.datasets.tasks;

import java.util.List;
import org.longform.datasets.articles.FindingPlace;

/**
 * Which corpus to write.
 *
 * @param seed everything follows from it
 * @param lengthsTokens target lengths in tokens of the bundled model's tokenizer
 * @param articlesPerLength articles of each length
 * @param depths where the asked facts stand, each between 0 and 1
 * @param finding where the main finding stands
 */
public record CorpusRequest(
    String seed,
    List<Long> lengthsTokens,
    int articlesPerLength,
    List<Double> depths,
    FindingPlace finding) {
  public CorpusRequest {
    lengthsTokens = List.copyOf(lengthsTokens);
    depths = List.copyOf(depths);
    if (lengthsTokens.isEmpty() || !lengthsTokens.stream().allMatch(length -> length > 0)) {
      throw refusal("target lengths must be given and positive (%s)".formatted(lengthsTokens));
    }
    if (articlesPerLength <= 0) {
      throw refusal(
          "the number of articles per length must be positive (%d)".formatted(articlesPerLength));
    }
    if (!depths.stream().allMatch(depth -> depth >= 0 && depth <= 1)) {
      throw refusal("depths must lie between 0 and 1 (%s)".formatted(depths));
    }
  }

  /** Facts asked at the five depths of the model card, findings at the end. */
  public static CorpusRequest of(String seed, List<Long> lengthsTokens, int articlesPerLength) {
    return new CorpusRequest(
        seed, lengthsTokens, articlesPerLength, NeedleRequest.CARD_DEPTHS, FindingPlace.END);
  }

  private static IllegalArgumentException refusal(String why) {
    return new IllegalArgumentException("Cannot write a corpus: " + why + ". Correct the request.");
  }
}
