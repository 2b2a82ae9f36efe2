package org.longform.generate;

import java.util.Locale;

/** Why an answer ended. */
public enum FinishReason {
  /** An end token or a stop text. */
  STOP,
  /** The largest number of tokens was written. */
  LENGTH,
  CANCELLED,
  ERROR;

  /** The word in results: {@code stop}. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
