package org.longform.tokenizer;

import java.util.Arrays;

/**
 * Turns tokens into text as they come. A character spread over several tokens appears when it is
 * complete, never in part; special tokens give no text.
 *
 * <p>Belongs to one answer and one thread.
 */
public final class Detokenizer {
  private static final char REPLACEMENT = '\uFFFD';

  /** A character has at most four bytes, so no more tokens than this can wait for its end. */
  private static final int LONGEST_WAIT = 3;

  /** Beyond this many waiting tokens the bytes are no text, and are given out as they are. */
  private static final int MOST_WAITING = 64;

  private final NativeTokenizer tokenizer;

  // decoders may treat the first token differently (no leading space), so some context precedes
  private int[] context = {};
  private int[] waiting = {};

  /** Characters of the waiting tokens already given out. */
  private int given;

  Detokenizer(NativeTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** The text that is certain after this token; empty while a character is incomplete. */
  public String append(int token) {
    waiting = Arrays.copyOf(waiting, waiting.length + 1);
    waiting[waiting.length - 1] = token;
    String fresh = fresh();
    int certain = fresh.length();
    while (certain > 0 && fresh.charAt(certain - 1) == REPLACEMENT) {
      certain--;
    }
    if (certain < fresh.length() && waiting.length >= MOST_WAITING) {
      return releaseAllButLast();
    }
    String piece = certain > given ? fresh.substring(given, certain) : "";
    given = Math.max(given, certain);
    if (certain == fresh.length() && certain > 0) {
      settle();
    }
    return piece;
  }

  /** Ends the text: what is still incomplete comes out as replacement characters. */
  public String finish() {
    String fresh = fresh();
    String rest = given < fresh.length() ? fresh.substring(given) : "";
    settle();
    return rest;
  }

  private String releaseAllButLast() {
    int[] last = Arrays.copyOfRange(waiting, waiting.length - LONGEST_WAIT, waiting.length);
    waiting = Arrays.copyOf(waiting, waiting.length - LONGEST_WAIT);
    String released = finish();
    waiting = last;
    return released;
  }

  private void settle() {
    context = waiting;
    waiting = new int[0];
    given = 0;
  }

  /** The text of the waiting tokens, as it reads after the context. */
  private String fresh() {
    String before = tokenizer.decode(context);
    int[] all = Arrays.copyOf(context, context.length + waiting.length);
    System.arraycopy(waiting, 0, all, context.length, waiting.length);
    String text = tokenizer.decode(all);
    if (text.startsWith(before)) {
      return text.substring(before.length());
    }
    // byte-fallback decoders show a whole run of bytes as broken until the run is well-formed
    return String.valueOf(REPLACEMENT).repeat(waiting.length);
  }
}
