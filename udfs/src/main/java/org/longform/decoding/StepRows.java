package org.longform.decoding;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** How many rows a step may have: each has keys, values and scores of its own. */
final class StepRows {
  static final int MOST = 1024;

  private StepRows() {}

  /**
   * @param tokens guesses of a step
   * @throws LongformException INVALID_OPTION if they are too many
   */
  static int checked(DecodingStrategy strategy, String parameter, long tokens) {
    if (tokens >= MOST) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use decoding '%s': %s %d makes steps of more than %d rows. Lower it."
              .formatted(strategy.name(), parameter, tokens, MOST));
    }
    return (int) tokens;
  }
}
