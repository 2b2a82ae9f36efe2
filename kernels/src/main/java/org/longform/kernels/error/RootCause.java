package org.longform.kernels.error;

/** What a failure began with, where others are wrapped around it. */
public final class RootCause {
  private RootCause() {}

  /** Its class and the first line of its message, as part of a sentence. */
  public static String of(Throwable failure) {
    Throwable first = failure;
    while (first.getCause() != null) {
      first = first.getCause();
    }
    String message = first.getMessage() == null ? "" : first.getMessage().strip();
    String line = message.lines().findFirst().orElse("").replaceAll("\\.$", "");
    return first.getClass().getSimpleName() + (line.isEmpty() ? "" : ": " + line);
  }
}
