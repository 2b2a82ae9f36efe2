package org.longform.read;

/** Hears of progress while a document is read, and may stop it. Called from the reading thread. */
public interface ReadListener {
  ReadListener NONE = new ReadListener() {};

  /** So many more tokens of the document or the question were read. */
  default void tokensRead(long tokens) {}

  /** So many more tokens were written. */
  default void tokensGenerated(long tokens) {}

  /** Asked between blocks and tokens; true ends the reading with an error of class CANCELLED. */
  default boolean cancelled() {
    return false;
  }
}
