package org.longform.hub;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * What tells the hub who asks. It is never shown.
 *
 * @param source where it was found, for people
 */
record HubToken(String value, String source) {
  static final String HIDDEN = "*********(redacted)";

  /**
   * @throws LongformException INVALID_OPTION if it cannot be sent
   */
  static HubToken of(String text, String source) {
    String value = text.strip();
    if (!value.chars().allMatch(c -> c > ' ' && c < 127)) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use the hub's token of %s: it has a space or a character that no token has. Copy it again from the hub's settings page."
              .formatted(source));
    }
    return new HubToken(value, source);
  }

  /** A text from outside without the token in it. */
  String hiddenIn(String text) {
    return text.replace(value, HIDDEN);
  }

  @Override
  public String toString() {
    return HIDDEN;
  }
}
