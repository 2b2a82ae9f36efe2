package org.longform.read;

import java.text.BreakIterator;
import java.util.Locale;

/**
 * Sentence borders around a place in a text. Only the surroundings are looked at, so that the cost
 * does not grow with the text; a "sentence" is never longer than {@link #LONGEST} characters.
 */
final class Sentences {
  private static final int LONGEST = 1000;

  private final String text;

  Sentences(String text) {
    this.text = text;
  }

  /** First character of the sentence that holds the character at {@code place}. */
  int startBefore(int place) {
    int from = paragraphStart(place);
    int to = Math.min(text.length(), place + LONGEST);
    BreakIterator breaks = BreakIterator.getSentenceInstance(Locale.ROOT);
    breaks.setText(text.substring(from, to));
    int start = from + Math.max(0, breaks.preceding(Math.min(place - from + 1, to - from)));
    while (start < place && Character.isWhitespace(text.charAt(start))) {
      start++;
    }
    return start;
  }

  /** One past the last character of the sentence that begins at {@code start}, spaces left out. */
  int endAfter(int start) {
    int to = Math.min(text.length(), start + LONGEST);
    int line = text.indexOf('\n', start);
    if (line > start) {
      to = Math.min(to, line);
    }
    BreakIterator breaks = BreakIterator.getSentenceInstance(Locale.ROOT);
    breaks.setText(text.substring(start, to));
    int next = breaks.following(0);
    int end = next == BreakIterator.DONE ? to : start + next;
    while (end > start && Character.isWhitespace(text.charAt(end - 1))) {
      end--;
    }
    return end;
  }

  /** A line break ends a sentence, also where no full stop does (titles, table rows). */
  private int paragraphStart(int place) {
    int line = text.lastIndexOf('\n', Math.max(0, place - 1));
    return Math.max(line + 1, place - LONGEST);
  }
}
