package org.longform.tokenizer;

import java.io.Reader;
import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * The tokens of a document of any size, in chunks: the same ids as if it were encoded at once,
 * while only a window of its text is in memory. Windows overlap and are joined at a {@link Seam};
 * where they do not agree the overlap, then the window grows.
 *
 * <p>The caller closes the reader. A failing reader throws {@link java.io.UncheckedIOException}.
 */
public final class TokenStream implements Iterator<TokenChunk> {
  /** Characters of one window. */
  static final int WINDOW = 1 << 15;

  /** Characters by which windows overlap at first. */
  static final int OVERLAP = 1 << 10;

  private static final int LARGEST_WINDOW = 1 << 23;

  private final NativeTokenizer tokenizer;
  private final TextWindow text;
  private final int usualWindow;

  /** The current window: its place in the document, its tokens, the first not yet given out. */
  private long start;

  private String window;
  private Encoded tokens;
  private int given;
  private boolean finished;

  TokenStream(NativeTokenizer tokenizer, Reader reader, int windowChars) {
    this.tokenizer = tokenizer;
    this.text = new TextWindow(reader);
    this.usualWindow = windowChars;
  }

  @Override
  public boolean hasNext() {
    if (window == null) {
      open(0, usualWindow);
    }
    return !finished;
  }

  @Override
  public TokenChunk next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the document has no more tokens");
    }
    if (text.endsAt(start + window.length())) {
      finished = true;
      return chunk(tokens.size());
    }
    for (int overlap = Math.min(OVERLAP, usualWindow / 4); ; overlap *= 4) {
      if (overlap > window.length() / 2) {
        growWindow();
        overlap = Math.min(OVERLAP, usualWindow / 4);
        if (text.endsAt(start + window.length())) {
          finished = true;
          return chunk(tokens.size());
        }
      }
      int first = beginningOfOverlap(overlap);
      if (first <= given) {
        continue;
      }
      int shift = tokens.starts()[first];
      String laterWindow = text.from(start + shift, Math.max(usualWindow, 2 * overlap));
      Encoded later = tokenizer.encode(laterWindow);
      Seam seam = Seam.between(tokens, later, shift, first);
      if (seam.found() && seam.earlier() > given) {
        TokenChunk chunk = chunk(seam.earlier());
        moveTo(start + shift, laterWindow, later, seam.later());
        return chunk;
      }
    }
  }

  private void open(long at, int length) {
    String opened = text.from(at, length);
    moveTo(at, opened, tokenizer.encode(opened), 0);
    finished = opened.isEmpty();
  }

  private void moveTo(long at, String newWindow, Encoded newTokens, int firstToGive) {
    start = at;
    window = newWindow;
    tokens = newTokens;
    given = firstToGive;
    text.discardBefore(at);
  }

  // the window's beginning stays, and with it the tokens before the first not given out
  private void growWindow() {
    if (window.length() >= LARGEST_WINDOW) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot tokenize the text at character %d: in %d characters there is no place to cut it. Break up this passage."
              .formatted(start, window.length()));
    }
    long resume = given < tokens.size() ? start + tokens.starts()[given] : -1;
    window = text.from(start, 2 * window.length());
    tokens = tokenizer.encode(window);
    if (given > 0 && (given >= tokens.size() || start + tokens.starts()[given] != resume)) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot tokenize the text at character %d: its tokens change with text %d characters later. Break up this passage."
              .formatted(start, window.length() / 2));
    }
  }

  /**
   * The last token, at least {@code overlap} before the window's end, that begins a word if any.
   */
  private int beginningOfOverlap(int overlap) {
    int latest = window.length() - overlap;
    int first = tokens.size() - 1;
    while (first > given && tokens.starts()[first] > latest) {
      first--;
    }
    int inWord = first;
    // in a word longer than the overlap any token must do
    int earliest = latest - overlap;
    while (first > given && tokens.starts()[first] > earliest) {
      if (tokens.beginsWord(first) && tokens.beginsCharacter(first)) {
        return first;
      }
      first--;
    }
    while (inWord > given && !tokens.beginsCharacter(inWord)) {
      inWord--;
    }
    return inWord;
  }

  private TokenChunk chunk(int end) {
    int size = end - given;
    long[] starts = new long[size];
    long[] ends = new long[size];
    for (int i = 0; i < size; i++) {
      starts[i] = start + tokens.starts()[given + i];
      ends[i] = start + tokens.ends()[given + i];
    }
    return new TokenChunk(Arrays.copyOfRange(tokens.ids(), given, end), starts, ends);
  }
}
