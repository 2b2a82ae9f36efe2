package org.longform.spark.job.input;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The text of a JATS article. */
final class JatsText {
  private JatsText() {}

  static String of(String name, byte[] bytes) {
    throw new LongformException(
        ErrorClass.MALFORMED_DOCUMENT,
        "Cannot read '%s': not a JATS article (%d bytes).".formatted(name, bytes.length));
  }
}
