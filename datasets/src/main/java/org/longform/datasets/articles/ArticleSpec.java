package org.longform.datasets.articles;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What article to write. Equal specifications give equal articles.
 *
 * @param seed everything follows from it
 * @param targetTokens wished length in tokens, as {@code tokenCount} counts them
 * @param mix shares of facts, restatements and look-alike names
 * @param finding where the main finding stands
 * @param fields names of the fields to choose from, see {@link ArticleVocabulary#fieldNames()}
 * @param tokenCount tokens of a piece of text; the default plans with {@link #CHARS_PER_TOKEN}
 */
public record ArticleSpec(
    String seed,
    long targetTokens,
    FactMix mix,
    FindingPlace finding,
    List<String> fields,
    ToDoubleFunction<String> tokenCount) {

  /** Characters per token of the bundled model's tokenizer on this text; a planning figure. */
  public static final double CHARS_PER_TOKEN = 4.3;

  /**
   * How facts are spread, each a share between 0 and 1.
   *
   * @param facts share of the sentences of a Results section which are facts
   * @param restated chance that a fact is stated once more in the Discussion of its study
   * @param hard chance that a new name resembles an older one, which makes addressing strict
   */
  public record FactMix(double facts, double restated, double hard) {
    public static final FactMix DEFAULT = new FactMix(0.5, 0.08, 0.35);

    public FactMix {
      checkShare("facts", facts);
      checkShare("restated", restated);
      checkShare("hard", hard);
    }

    private static void checkShare(String name, double share) {
      if (!(share >= 0 && share <= 1)) {
        throw new IllegalArgumentException(
            "Cannot write an article: the share '%s' must be between 0 and 1 (%s). Give a share of sentences or names."
                .formatted(name, share));
      }
    }
  }

  public ArticleSpec {
    if (targetTokens <= 0) {
      throw new IllegalArgumentException(
          "Cannot write an article: the target length must be positive (%d). Give a number of tokens."
              .formatted(targetTokens));
    }
    fields = List.copyOf(fields);
    ArticleVocabulary.bundled().requireFields(fields);
  }

  /** An article with the default mix, all fields and the main finding at the end. */
  public static ArticleSpec of(String seed, long targetTokens) {
    return new ArticleSpec(
        seed,
        targetTokens,
        FactMix.DEFAULT,
        FindingPlace.END,
        ArticleVocabulary.bundled().fieldNames(),
        text -> text.length() / CHARS_PER_TOKEN);
  }

  public ArticleSpec withFinding(FindingPlace place) {
    return new ArticleSpec(seed, targetTokens, mix, place, fields, tokenCount);
  }

  public ArticleSpec withMix(FactMix newMix) {
    return new ArticleSpec(seed, targetTokens, newMix, finding, fields, tokenCount);
  }

  public ArticleSpec withFields(List<String> names) {
    return new ArticleSpec(seed, targetTokens, mix, finding, names, tokenCount);
  }

  /** Measures the length with a real tokenizer instead of the planning figure. */
  public ArticleSpec withTokenCount(ToDoubleFunction<String> count) {
    return new ArticleSpec(seed, targetTokens, mix, finding, fields, count);
  }
}
