package org.longform.datasets.tasks;

import java.math.BigDecimal;
import java.math.MathContext;
import org.longform.datasets.articles.ArticleSpec;
import org.longform.datasets.articles.FindingPlace;

/** The articles behind the perplexity and summary tables of the model card. */
public final class CardArticles {
  private CardArticles() {}

  /**
   * An article for perplexity, somewhat longer than wished: the caller cuts it to {@code
   * lengthTokens + 1} tokens.
   *
   * @param number 0 and up
   */
  public static ArticleSpec forPerplexity(int lengthTokens, int number) {
    return ArticleSpec.of(
        "ppl-%d-%d".formatted(lengthTokens, number), (long) (lengthTokens * 1.15));
  }

  /**
   * An article whose main finding stands at a depth; with the prompt and the answer it takes about
   * {@code lengthTokens}.
   *
   * @param depth between 0 and 1; 1 puts it at the end
   * @param number 0 and up
   */
  public static ArticleSpec forSummary(int lengthTokens, double depth, int number) {
    String seed = "summary-%d-%s-%d".formatted(lengthTokens, shortest(depth), number);
    return ArticleSpec.of(seed, (long) ((lengthTokens - 40) * 0.97))
        .withFinding(FindingPlace.at(depth));
  }

  // %g of C, which Java's formatter does not have: six digits, no zeros at the end
  private static String shortest(double depth) {
    BigDecimal rounded = new BigDecimal(depth).round(new MathContext(6)).stripTrailingZeros();
    if (rounded.signum() == 0) {
      return "0";
    }
    int exponent = rounded.precision() - rounded.scale() - 1;
    return exponent >= -4
        ? rounded.toPlainString()
        : "%se-%02d".formatted(rounded.scaleByPowerOfTen(-exponent).toPlainString(), -exponent);
  }
}
