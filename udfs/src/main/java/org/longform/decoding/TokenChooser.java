package org.longform.decoding;

/** How the tokens of one answer are chosen. Scores are by token id. */
public interface TokenChooser {
  /** Chooses the next token, and counts it as written. */
  int next(float[] logits);

  /** Whether the best token is always taken, without chance. */
  boolean greedy();

  /** The probability with which {@link #next} would choose each token; they sum up to 1. */
  double[] probabilities(float[] logits);

  /**
   * As {@link #probabilities(float[])}, for a token that may be chosen later.
   *
   * @param place what may follow the tokens before it
   */
  double[] probabilities(float[] logits, Continuations place);

  /** What may follow the tokens written so far. */
  Continuations continuations();

  /** A random number from 0 (included) to 1 (excluded). */
  double random();

  /** Counts a token as written that was chosen otherwise; the token. */
  int take(int token);
}
