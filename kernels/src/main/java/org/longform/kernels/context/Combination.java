package org.longform.kernels.context;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Checks of parameters that are fine one by one and wrong together. */
final class Combination {
  private final String context;

  Combination(String context) {
    this.context = context;
  }

  /**
   * @param fine whether the values go together
   * @param why the rest of the sentence "Cannot use context 'x': …", with the values and a remedy
   * @throws LongformException INVALID_OPTION if they do not
   */
  void require(boolean fine, String why, Object... values) {
    if (!fine) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use context '%s': %s".formatted(context, why.formatted(values)));
    }
  }
}
