package org.longform.datasets.jats;

import java.io.IOException;

/** The file is no article this reader can accept; the message says where and why in a sentence. */
public final class MalformedArticleException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int line;
  private final int column;

  MalformedArticleException(String message, int line, int column, Throwable cause) {
    super(message, cause);
    this.line = line;
    this.column = column;
  }

  /** Line of the problem, from 1. */
  public int line() {
    return line;
  }

  /** Column of the problem, from 1. */
  public int column() {
    return column;
  }
}
