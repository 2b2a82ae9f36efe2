package org.longform.feed;

import java.util.Arrays;
import org.longform.kernels.attention.ProbabilityTap;
import org.longform.kernels.attention.QueryRange;

/**
 * How the tokens of a question attend to what stands before it and to each other in one layer,
 * summed over heads: a row for each of them, never a square of the whole.
 */
final class QuestionAttention implements ProbabilityTap {
  private final int layer;
  private final long contextBegin;
  private final long questionBegin;
  private final double[][] context;
  private final double[] question;

  /**
   * @param contextBegin row of the first token that is looked for
   * @param context number of such tokens; the question begins behind them
   * @param question its tokens
   */
  QuestionAttention(int layer, long contextBegin, int context, int question) {
    this.layer = layer;
    this.contextBegin = contextBegin;
    this.questionBegin = contextBegin + context;
    this.context = new double[question][context];
    this.question = new double[question];
  }

  @Override
  public QueryRange asking(int asked) {
    return asked == layer
        ? new QueryRange(questionBegin, questionBegin + question.length)
        : new QueryRange(0, 0);
  }

  @Override
  public void add(int layer, int head, long queryRow, long[] rows, double[] probabilities) {
    int query = Math.toIntExact(queryRow - questionBegin);
    for (int i = 0; i < rows.length; i++) {
      if (rows[i] >= questionBegin) {
        question[query] += probabilities[i];
      } else if (rows[i] >= contextBegin) {
        context[query][Math.toIntExact(rows[i] - contextBegin)] += probabilities[i];
      }
    }
  }

  /** [question token][context token] */
  double[][] onContext() {
    return context;
  }

  /** What each token of the question pays to the question itself. */
  double[] onQuestion() {
    return Arrays.copyOf(question, question.length);
  }
}
