package org.longform.generate;

import java.util.BitSet;
import org.longform.decoding.TokenChooser;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Chooses the next token of one answer. The rules and their order are those of Hugging Face
 * Transformers: repetition penalty, temperature, top-k, top-p, min-p, then a draw.
 *
 * <ul>
 *   <li>The draw takes the first token, by id, at which the running sum of probabilities exceeds a
 *       uniform number; sums are in double and exp is {@link StrictMath}'s, so every JVM agrees.
 *   <li>Of equal scores the lowest id counts as the more probable one: greedy takes it, and top-p
 *       keeps it first. Top-k keeps all tokens that tie with the k-th, as Hugging Face does.
 * </ul>
 *
 * <p>Belongs to one answer and one thread.
 */
public final class Sampler implements TokenChooser {
  private final SamplingParameters parameters;
  private final SplitMix64 random;
  private final BitSet seen = new BitSet();

  /**
   * @param rowSeed from {@link RowSeed}
   */
  public Sampler(SamplingParameters parameters, long rowSeed) {
    this.parameters = parameters;
    this.random = new SplitMix64(rowSeed);
  }

  /**
   * Makes the token count as repeated from now on. Hugging Face counts the tokens of the prompt
   * too; {@link #next} counts those it returns.
   */
  public void observe(int token) {
    seen.set(token);
  }

  /** Whether {@link #observe} has any effect, so that callers can skip a long prompt. */
  public boolean penalizesRepetition() {
    return parameters.repetitionPenalty() != 1;
  }

  /**
   * The next token.
   *
   * @param logits scores by token id; not changed
   * @throws LongformException INTERNAL where a score is not a number or none is finite
   */
  @Override
  public int next(float[] logits) {
    double[] scores = penalized(logits);
    int best = Candidates.argmax(scores);
    return take(parameters.greedy() ? best : candidates(scores, best).draw(random.nextDouble()));
  }

  @Override
  public boolean greedy() {
    return parameters.greedy();
  }

  @Override
  public double[] probabilities(float[] logits) {
    double[] scores = penalized(logits);
    int best = Candidates.argmax(scores);
    if (parameters.greedy()) {
      double[] certain = new double[scores.length];
      certain[best] = 1;
      return certain;
    }
    return candidates(scores, best).probabilities();
  }

  @Override
  public double random() {
    return random.nextDouble();
  }

  @Override
  public int take(int token) {
    seen.set(token);
    return token;
  }

  // a positive score is divided and a negative one multiplied: both become smaller
  private double[] penalized(float[] logits) {
    double[] scores = new double[logits.length];
    for (int id = 0; id < logits.length; id++) {
      if (Float.isNaN(logits[id]) || logits[id] == Float.POSITIVE_INFINITY) {
        throw new LongformException(
            ErrorClass.INTERNAL,
            "Cannot choose a token: the score of token %d is not a finite number (%s). The model's weights or the forward pass are at fault."
                .formatted(id, logits[id]));
      }
      scores[id] = logits[id];
    }
    if (penalizesRepetition()) {
      double penalty = parameters.repetitionPenalty();
      seen.stream()
          .takeWhile(id -> id < scores.length)
          .forEach(id -> scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty);
    }
    return scores;
  }

  private Candidates candidates(double[] scores, int best) {
    Candidates candidates = new Candidates(scores, best, parameters.temperature());
    candidates.keepTopK(parameters.topK());
    candidates.keepTopP(parameters.topP());
    candidates.keepMinP(parameters.minP());
    return candidates;
  }
}
