package org.longform.generate;

import java.util.BitSet;
import java.util.OptionalInt;
import org.longform.decoding.Continuations;
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
 * <p>Where only some tokens may follow, the others count as impossible, and a token that must
 * follow is taken without looking at scores.
 *
 * <p>Belongs to one answer and one thread.
 */
public final class Sampler implements TokenChooser {
  private final SamplingParameters parameters;
  private final SplitMix64 random;
  private final BitSet seen = new BitSet();
  private Continuations continuations;
  private boolean cutShort;

  /**
   * @param rowSeed from {@link RowSeed}
   */
  public Sampler(SamplingParameters parameters, long rowSeed) {
    this(parameters, rowSeed, Continuations.ANY);
  }

  /**
   * @param continuations what the answer may begin with
   */
  public Sampler(SamplingParameters parameters, long rowSeed, Continuations continuations) {
    this.parameters = parameters;
    this.random = new SplitMix64(rowSeed);
    this.continuations = continuations;
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
    OptionalInt forced = continuations.forced();
    if (forced.isPresent()) {
      return take(forced.getAsInt());
    }
    noteWish(logits);
    if (greedy() && !penalizesRepetition()) {
      return take(best(logits, continuations));
    }
    double[] scores = scores(logits, continuations);
    int best = Candidates.argmax(scores);
    return take(parameters.greedy() ? best : candidates(scores, best).draw(random.nextDouble()));
  }

  @Override
  public boolean greedy() {
    return parameters.greedy();
  }

  @Override
  public Continuations continuations() {
    return continuations;
  }

  /** Whether a token was more probable than all others that left room to end the answer. */
  boolean cutShort() {
    return cutShort;
  }

  @Override
  public double[] probabilities(float[] logits) {
    noteWish(logits);
    return probabilities(logits, continuations);
  }

  @Override
  public double[] probabilities(float[] logits, Continuations place) {
    OptionalInt forced = place.forced();
    if (forced.isPresent()) {
      double[] certain = new double[logits.length];
      certain[forced.getAsInt()] = 1;
      return certain;
    }
    double[] scores = scores(logits, place);
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
    continuations = continuations.after(token);
    return token;
  }

  /** The best of the tokens that may follow. */
  private static int best(float[] logits, Continuations place) {
    if (!place.any()) {
      return best(logits, place.allowed());
    }
    int best = best(logits, 0, logits.length, -1);
    if (best < 0) {
      throw noneFinite(logits.length);
    }
    return best;
  }

  /** The best of some tokens, without a look at the others. */
  private static int best(float[] logits, BitSet allowed) {
    int best = -1;
    for (int id = allowed.nextSetBit(0);
        id >= 0 && id < logits.length;
        id = allowed.nextSetBit(id)) {
      // most tokens of a text are neighbours: a run at a time
      int end = Math.min(allowed.nextClearBit(id), logits.length);
      best = best(logits, id, end, best);
      id = end;
    }
    if (best < 0) {
      throw noneFinite(allowed.cardinality());
    }
    return best;
  }

  /** The best of some neighbours and of another one, which comes before them; -1 for none. */
  private static int best(float[] logits, int from, int to, int other) {
    int best = other;
    float highest = other < 0 ? Float.NEGATIVE_INFINITY : logits[other];
    for (int id = from; id < to; id++) {
      // what is no number is not less either
      if (!(logits[id] <= highest)) {
        requireNumber(logits, id);
        highest = logits[id];
        best = id;
      }
    }
    return best;
  }

  private void noteWish(float[] logits) {
    if (cutShort || continuations.any() || continuations.forced().isPresent()) {
      return;
    }
    BitSet allowed = continuations.allowed();
    BitSet wished = continuations.wished();
    cutShort =
        !allowed.equals(wished) && logits[best(logits, wished)] > logits[best(logits, allowed)];
  }

  private double[] scores(float[] logits, Continuations place) {
    double[] scores = penalized(logits);
    if (!place.any()) {
      BitSet allowed = place.allowed();
      for (int id = allowed.nextClearBit(0);
          id < scores.length;
          id = allowed.nextClearBit(id + 1)) {
        scores[id] = Double.NEGATIVE_INFINITY;
      }
    }
    return scores;
  }

  static void requireNumber(float[] logits, int id) {
    if (Float.isNaN(logits[id]) || logits[id] == Float.POSITIVE_INFINITY) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot choose a token: the score of token %d is not a finite number (%s). The model's weights or the forward pass are at fault."
              .formatted(id, logits[id]));
    }
  }

  static LongformException noneFinite(int tokens) {
    return new LongformException(
        ErrorClass.INTERNAL,
        "Cannot choose a token: none of %d tokens has a finite score. The model's weights or the forward pass are at fault."
            .formatted(tokens));
  }

  // a positive score is divided and a negative one multiplied: both become smaller
  private double[] penalized(float[] logits) {
    double[] scores = new double[logits.length];
    for (int id = 0; id < logits.length; id++) {
      requireNumber(logits, id);
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
    Candidates candidates =
        new Candidates(scores, best, parameters.temperature(), parameters.topK());
    candidates.keepTopP(parameters.topP());
    candidates.keepMinP(parameters.minP());
    return candidates;
  }
}
