package org.longform.tokenizer;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;

/**
 * A window that slides over a text of any length. Unpaired surrogates, which no encoding can
 * represent, become U+FFFD; offsets do not change by that.
 */
final class TextWindow {
  private static final int READ_CHARS = 1 << 14;

  private final Reader reader;
  private final StringBuilder buffer = new StringBuilder();
  private final char[] block = new char[READ_CHARS];

  /** Offset of the buffer's first character in the text. */
  private long offset;

  private boolean ended;

  TextWindow(Reader reader) {
    this.reader = reader;
  }

  /**
   * Up to {@code length} characters from {@code start}; fewer only at the end of the text. Never
   * ends between the two halves of a character.
   */
  String from(long start, int length) {
    int begin = Math.toIntExact(start - offset);
    // one more than asked for, to see whether the last one is half a character
    while (!ended && buffer.length() < begin + length + 1) {
      read();
    }
    int end = Math.min(buffer.length(), begin + length);
    if (end < buffer.length() && Character.isLowSurrogate(buffer.charAt(end))) {
      end++;
    }
    return wellFormed(buffer.substring(begin, end));
  }

  /** Whether the text ends at this offset. Valid after {@link #from} reached it. */
  boolean endsAt(long position) {
    return ended && position - offset == buffer.length();
  }

  /** Forgets the text before this offset. */
  void discardBefore(long start) {
    buffer.delete(0, Math.toIntExact(start - offset));
    offset = start;
  }

  private void read() {
    try {
      int count = reader.read(block, 0, block.length);
      if (count < 0) {
        ended = true;
      } else {
        buffer.append(block, 0, count);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String wellFormed(String text) {
    StringBuilder repaired = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!Character.isSurrogate(c)) {
        continue;
      }
      boolean paired =
          Character.isHighSurrogate(c)
              && i + 1 < text.length()
              && Character.isLowSurrogate(text.charAt(i + 1));
      if (paired) {
        i++;
      } else {
        repaired = repaired == null ? new StringBuilder(text) : repaired;
        repaired.setCharAt(i, '\uFFFD');
      }
    }
    return repaired == null ? text : repaired.toString();
  }
}
