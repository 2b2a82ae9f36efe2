package org.longform.generate;

import java.util.List;

/**
 * Finds stop texts in a text that arrives in pieces, and lets through what can no longer be part of
 * one. The text ends where a stop text is first complete; of several that complete at the same
 * character the longest is cut off. How the text is split into pieces does not matter.
 *
 * <p>Belongs to one answer and one thread.
 */
public final class StopStrings {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean stopped;

  public StopStrings(List<String> stops) {
    this.stops = List.copyOf(stops);
    if (this.stops.contains("")) {
      throw new IllegalArgumentException("an empty stop text would end every answer at once");
    }
  }

  /** Takes the next piece and returns the text that is now certain; empty once stopped. */
  public String append(String piece) {
    if (stopped) {
      return "";
    }
    for (int i = 0; i < piece.length(); i++) {
      held.append(piece.charAt(i));
      int cut = longestMatchAtEnd();
      if (cut > 0) {
        stopped = true;
        held.setLength(held.length() - cut);
        return release(0);
      }
    }
    return release(longestBeginningAtEnd());
  }

  /** Whether a stop text was found. */
  public boolean stopped() {
    return stopped;
  }

  /** Ends the text and returns what was held back as the possible beginning of a stop text. */
  public String finish() {
    return release(0);
  }

  private String release(int keep) {
    int end = held.length() - keep;
    String certain = held.substring(0, end);
    held.delete(0, end);
    return certain;
  }

  private int longestMatchAtEnd() {
    int longest = 0;
    for (String stop : stops) {
      if (stop.length() > longest && endsWith(stop, stop.length())) {
        longest = stop.length();
      }
    }
    return longest;
  }

  private int longestBeginningAtEnd() {
    int longest = 0;
    for (String stop : stops) {
      for (int length = Math.min(stop.length() - 1, held.length()); length > longest; length--) {
        if (endsWith(stop, length)) {
          longest = length;
        }
      }
    }
    return longest;
  }

  /** Whether the held text ends with the first {@code length} characters of the stop text. */
  private boolean endsWith(String stop, int length) {
    int from = held.length() - length;
    if (from < 0) {
      return false;
    }
    for (int i = 0; i < length; i++) {
      if (held.charAt(from + i) != stop.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
