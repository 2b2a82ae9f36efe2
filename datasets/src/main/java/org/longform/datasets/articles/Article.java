package org.longform.datasets.articles;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * One whole synthetic article.
 *
 * @param title the title, also in the first line of the text
 * @param text the article, ASCII, without line ends at its end
 * @param facts all facts in the order of their statement
 * @param finding the gold summary, absent if the article has no Conclusion
 * @param findingStart offset of the finding in the text, in UTF-16 code units
 */
public record Article(
    String title,
    String text,
    List<Fact> facts,
    Optional<String> finding,
    OptionalLong findingStart) {

  /** The suffix which asks the bundled model for the main finding. */
  public static final String SUMMARY_PROMPT = "\n\nSummary:";

  public Article {
    facts = List.copyOf(facts);
  }

  /** Writes the whole article into memory; use {@link ArticleStream} for very long ones. */
  public static Article of(ArticleSpec spec) {
    ArticleStream stream = new ArticleStream(spec);
    StringBuilder text = new StringBuilder();
    stream.forEachRemaining(text::append);
    return new Article(
        stream.title(), text.toString(), stream.facts(), stream.finding(), stream.findingStart());
  }
}
