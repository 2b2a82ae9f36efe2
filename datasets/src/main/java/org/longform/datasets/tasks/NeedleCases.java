package org.longform.datasets.tasks;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.ToIntFunction;
import org.longform.datasets.articles.Article;
import org.longform.datasets.articles.ArticleSpec;
import org.longform.datasets.articles.Fact;

/**
 * Articles with facts to find at given depths, until every depth has its number of questions.
 *
 * <p>The rule is that of {@code retrieval()} in the recipe's eval.py: with the same token counts it
 * selects the same articles, cuts and facts, so exact-match figures compare with the model card.
 * Not thread-safe.
 */
public final class NeedleCases implements Iterator<NeedleCase> {
  private static final int FUTILE_ARTICLES = 1000;

  private final NeedleRequest request;
  private final ToIntFunction<String> tokenCount;
  private final int questionsAtOnce;
  private final int[] asked;
  private int article;

  /**
   * @param tokenCount tokens of a text as the model reads it, the begin-of-text token included
   */
  public NeedleCases(NeedleRequest request, ToIntFunction<String> tokenCount) {
    this.request = request;
    this.tokenCount = tokenCount;
    this.questionsAtOnce = Math.max(1, request.lengthTokens() / 1024);
    this.asked = new int[request.depths().size()];
    this.article = request.firstArticle();
  }

  @Override
  public boolean hasNext() {
    for (int count : asked) {
      if (count < request.questionsPerDepth()) {
        return true;
      }
    }
    return false;
  }

  @Override
  public NeedleCase next() {
    if (!hasNext()) {
      throw new NoSuchElementException(
          "Cannot ask on: every depth has its questions. Ask hasNext first.");
    }
    for (int i = 0; i < FUTILE_ARTICLES; i++) {
      String id = "needle-%d-%d".formatted(request.lengthTokens(), article++);
      Article whole = Article.of(ArticleSpec.of(id, plannedTokens()));
      String text = cut(whole.text());
      List<Fact> facts =
          whole.facts().stream()
              .filter(fact -> fact.repeats() == 0 && fact.end() <= text.length())
              .toList();
      if (!facts.isEmpty()) {
        return new NeedleCase(id, text, select(facts, text.length()));
      }
    }
    throw new IllegalStateException(
        "Cannot make retrieval questions: %d articles of %d tokens hold no fact. Ask for longer ones."
            .formatted(FUTILE_ARTICLES, request.lengthTokens()));
  }

  private long plannedTokens() {
    return (long) ((request.lengthTokens() - NeedleRequest.RESERVED_TOKENS) * 1.02);
  }

  private String cut(String text) {
    int allowed = request.lengthTokens() - NeedleRequest.RESERVED_TOKENS;
    int tokens = tokenCount.applyAsInt(text);
    if (tokens <= allowed) {
      return text;
    }
    int planned = (int) ((double) ((long) text.length() * allowed) / tokens);
    return text.substring(
        0, text.lastIndexOf(". ", planned - 2) + 1); // the whole ". " lies before the cut
  }

  private List<AskedFact> select(List<Fact> facts, int length) {
    List<AskedFact> selected = new ArrayList<>();
    for (int i = 0; i < asked.length; i++) {
      double depth = request.depths().get(i);
      int wanted = Math.min(questionsAtOnce, request.questionsPerDepth() - asked[i]);
      List<AskedFact> nearest = Depths.nearest(facts, length, depth, wanted);
      asked[i] += nearest.size();
      selected.addAll(nearest);
    }
    return selected;
  }
}
