package org.longform.read;

import java.io.IOException;
import java.io.Reader;

/** Passes a text on and keeps what was read until it is taken, if it is wanted at all. */
final class TextTee extends Reader {
  private final Reader source;
  private final boolean keeps;
  private final StringBuilder kept = new StringBuilder();
  private long begin;

  TextTee(Reader source, boolean keeps) {
    this.source = source;
    this.keeps = keeps;
  }

  @Override
  public int read(char[] buffer, int offset, int length) throws IOException {
    int count = source.read(buffer, offset, length);
    if (keeps && count > 0) {
      kept.append(buffer, offset, count);
    }
    return count;
  }

  /** The characters that were not taken yet, up to a place in the text; empty if none are kept. */
  String takeUpTo(long end) {
    int count = (int) Math.max(0, Math.min(kept.length(), end - begin));
    String taken = kept.substring(0, count);
    kept.delete(0, count);
    begin += count;
    return taken;
  }

  @Override
  public void close() throws IOException {
    source.close();
  }
}
