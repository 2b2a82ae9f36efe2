package org.longform.feed;

import java.util.function.LongConsumer;

/**
 * Finds where sentences begin in a text that comes in pieces of any size; nothing of it is kept. A
 * sentence ends behind a blank line or one of {@code 。！？.?!}, unless what follows is punctuation
 * alone, or a few characters after a full stop (initials, abbreviations). The sentences have no
 * gaps between them.
 */
final class SentenceSplitter {
  private static final String ENDS = "。！？.?!";

  /** So few characters behind a full stop still belong to its sentence. */
  private static final int SHORT = 8;

  private final LongConsumer begins;
  private long place;
  private boolean any;
  private boolean afterFullStop;
  // the piece since the last place where a sentence could end
  private long pieceBegin;
  private boolean wordless = true;
  private char last;
  private int lineBreaks;

  /**
   * @param begins told the first character of every sentence but the first, in order
   */
  SentenceSplitter(LongConsumer begins) {
    this.begins = begins;
  }

  /** Takes the next characters. */
  void take(CharSequence text) {
    for (int i = 0; i < text.length(); i++) {
      take(text.charAt(i));
    }
  }

  private void take(char c) {
    boolean white = Character.isWhitespace(c);
    if (lineBreaks >= 2 && !white) {
      endPiece();
    }
    lineBreaks = white ? lineBreaks + (c == '\n' ? 1 : 0) : 0;
    wordless &= !Character.isLetterOrDigit(c) && !Character.isSurrogate(c);
    last = c;
    place++;
    if (ENDS.indexOf(c) >= 0) {
      endPiece();
    }
  }

  /** The text is at its end. */
  void finish() {
    if (place > pieceBegin) {
      endPiece();
    }
  }

  private void endPiece() {
    boolean belongsToLast = wordless || (afterFullStop && place - pieceBegin <= SHORT);
    if (any && !belongsToLast) {
      begins.accept(pieceBegin);
    }
    any = true;
    afterFullStop = last == '.';
    pieceBegin = place;
    wordless = true;
    lineBreaks = 0;
  }
}
