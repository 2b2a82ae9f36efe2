package org.longform.read;

/** Hears of progress while a document is read, and may stop it. Called from the reading thread. */
public interface ReadListener {
  ReadListener NONE = new ReadListener() {};

  /** So many more tokens of the document or the question were read. */
  default void tokensRead(long tokens) {}

  /** So many more tokens were written. */
  default void tokensGenerated(long tokens) {}

  /** The model is loaded; so long it was waited for. */
  default void modelReady(long nanos) {}

  /** So much more time went into reading documents and questions. */
  default void prefilled(long nanos) {}

  /** So much more time went into writing answers. */
  default void decoded(long nanos) {}

  /** A document was read to its end and asked; with what it attended to and held at most. */
  default void documentRead(long attendedTokens, long peakKvBytes) {}

  /** An answer carries an error. */
  default void answerFailed() {}

  /** Asked between blocks and tokens; true ends the reading with an error of class CANCELLED. */
  default boolean cancelled() {
    return false;
  }
}
