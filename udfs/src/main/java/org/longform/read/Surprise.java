package org.longform.read;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.TokenScores;

/** The mean negative log-likelihood of the tokens of a document, summed as they are read. */
final class Surprise implements TokenScores {
  private double sum;
  private long tokens;

  @Override
  public void add(long row, int token, double surprise) {
    sum += surprise;
    tokens++;
  }

  double sum() {
    return sum;
  }

  long tokens() {
    return tokens;
  }

  /** Goes on from what another process summed up. */
  void goOnFrom(double earlierSum, long earlierTokens) {
    sum = earlierSum;
    tokens = earlierTokens;
  }

  /** e to the mean; the first token of a text without a begin-of-text token is not predicted. */
  double perplexity() {
    if (tokens == 0) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot compute a perplexity: the text has no token that another one precedes. Give a longer text.");
    }
    return Math.exp(sum / tokens);
  }
}
