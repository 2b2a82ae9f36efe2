package org.longform.datasets.articles;

import java.io.Reader;
import java.util.Objects;

/**
 * The text of an {@link ArticleStream} as characters, so a writer never holds the whole article.
 */
public final class ArticleReader extends Reader {
  private final ArticleStream stream;
  private String piece = "";
  private int at;

  public ArticleReader(ArticleStream stream) {
    this.stream = stream;
  }

  @Override
  public int read(char[] into, int offset, int wanted) {
    Objects.checkFromIndexSize(offset, wanted, into.length);
    if (wanted == 0) {
      return 0;
    }
    while (at == piece.length()) {
      if (!stream.hasNext()) {
        return -1;
      }
      piece = stream.next();
      at = 0;
    }
    int count = Math.min(wanted, piece.length() - at);
    piece.getChars(at, at + count, into, offset);
    at += count;
    return count;
  }

  @Override
  public void close() {}
}
