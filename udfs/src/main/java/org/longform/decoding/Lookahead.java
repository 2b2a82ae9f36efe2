package org.longform.decoding;

import java.util.List;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Lookahead decoding: n-grams from a window of Jacobi iterations, verified beside the next token.
 */
final class Lookahead implements DecodingStrategy {
  private static final String LEVEL = "lookahead-level";
  private static final String WINDOW = "lookahead-window";
  private static final String GUESSES = "lookahead-guesses";
  private static final String POOL = "lookahead-pool";
  private static final String FROM_PROMPT = "prompt";

  /**
   * @param level N, tokens of an n-gram with its first one
   * @param window W, columns of the window
   * @param guesses G, n-grams of one first token
   * @param poolFromPrompt whether n-grams of the prompt and the answer are in the pool, too
   */
  record Sizes(int level, int window, int guesses, boolean poolFromPrompt) {}

  @Override
  public String name() {
    return "lookahead";
  }

  @Override
  public String description() {
    return "Beside the next token the model reads a small window of guesses for the tokens after it, which it improves "
        + "from step to step. The n-grams that arise there go into a pool, and those that begin with the newest token "
        + "are verified in the next step. Only what the model itself would have written is kept, so answers are those "
        + "of plain decoding, token by token, also with a temperature.";
  }

  @Override
  public String whenToUse() {
    return "For few answers at a time and text that repeats itself (lists, tables, code), where reading a few rows costs "
        + "little more than one. Not where many answers share passes, or on device nd4j, which reads rows one by one.";
  }

  @Override
  public String cost() {
    return "A step reads 1 + (W-1) + W(N-2) rows and up to G(N-1) guesses; up to 8 rows take one pass of device cpu, "
        + "more take several. Each row attends by itself. Memory: the keys and values of these rows, and 4 bytes for each token of the "
        + "prompt.";
  }

  @Override
  public String source() {
    return "Fu et al. 2024, Break the Sequential Dependency of LLM Inference Using Lookahead Decoding (arXiv 2402.02057)";
  }

  @Override
  public String notCopied() {
    return "The published defaults for GPUs (level 5, window 7, guesses 7; 7, 20 and 20 in its demo): on processors they "
        + "take more than a pass gains, and the defaults here fill one pass. At most N-1 tokens in a step: the token "
        + "behind a guess that is right to its end is exact, too, and so is a row of the window that happens to be "
        + "right. Rejection sampling with its own random numbers: a token is drawn as without guesses, and a guess "
        + "counts if it is that token, which has the same distribution and keeps answers repeatable. Its history of "
        + "tokens, to which a hit of several tokens appends the last one again and again. An unlimited pool "
        + "(guesses -1): a step could have any number of rows. Guesses that begin alike share rows.";
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.integer(
            LEVEL, "Tokens of an n-gram, its first one included (N).", "3", limits -> 3L, 2),
        Parameter.integer(
            WINDOW,
            "How many places ahead n-grams arise at the same time (W).",
            "2",
            limits -> 2L,
            1),
        Parameter.integer(
            GUESSES,
            "The most n-grams of one first token that are kept, and verified in a step (G).",
            "2",
            limits -> 2L,
            0),
        Parameter.choice(
            POOL,
            "Where n-grams come from: the window alone (generated), or the prompt and the answer, too (prompt).",
            "generated",
            "generated",
            FROM_PROMPT));
  }

  @Override
  public boolean guesses() {
    return true;
  }

  @Override
  public Decoding open(DecodingSetup setup) {
    Sizes sizes = sizes(setup.values());
    return new Remembered(history -> new LookaheadGuesser(sizes, history, setup.endTokens()));
  }

  private static Sizes sizes(ParameterValues values) {
    long level = values.integer(LEVEL);
    long window = values.integer(WINDOW);
    long guesses = values.integer(GUESSES);
    // all three are below 2^31, so nothing overflows
    if ((window + guesses) * (level - 1) > StepRows.MOST) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use decoding 'lookahead': level %d, window %d and guesses %d make steps of more than %d rows. Lower one of them."
              .formatted(level, window, guesses, StepRows.MOST));
    }
    return new Sizes(
        (int) level, (int) window, (int) guesses, values.choice(POOL).equals(FROM_PROMPT));
  }
}
