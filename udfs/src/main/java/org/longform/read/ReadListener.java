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

  /** So many more cached tokens were attended to. */
  default void tokensAttended(long tokens) {}

  /**
   * Where the document's tokens are scored, how surprising each was; called in order.
   *
   * @param position of the token in the prompt, from 0
   * @param negativeLogLikelihood in nats
   */
  default void tokenScored(long position, double negativeLogLikelihood) {}

  /** The document holds so many bytes of keys and values in memory now. */
  default void kvHeld(long bytes) {}

  /** A document was read to its end and asked. */
  default void documentRead() {}

  /** An answer carries an error. */
  default void answerFailed() {}

  /**
   * Asked between layers, blocks and tokens; true ends the reading with an error of class
   * CANCELLED.
   */
  default boolean cancelled() {
    return false;
  }
}
