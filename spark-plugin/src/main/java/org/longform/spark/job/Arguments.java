package org.longform.spark.job;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Checks of numbers on the command line. */
final class Arguments {
  private Arguments() {}

  static int positive(String flag, int value) {
    return atLeast(flag, value, 1);
  }

  static int atLeast(String flag, int value, int least) {
    if (value < least) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '%s': it must be at least %d (%d). Change it or leave it out."
              .formatted(flag, least, value));
    }
    return value;
  }
}
