package org.longform.decoding;

import org.longform.kernels.cache.KvDType;
import org.longform.kernels.model.Session;

/**
 * The decoding of one document or, forked, of one answer. The prompt goes to the session through
 * it, so that it may read along.
 */
public interface Decoding extends AutoCloseable {
  /** Gives tokens of the document to the session that will write. */
  default void feed(Session session, int[] tokens, int from, int count) {
    session.feed(tokens, from, count);
  }

  /** The session has these tokens already, from a reading that another process began. */
  default void known(int[] tokens, int from, int count) {}

  /** Has the session read what is pending. */
  default void flush(Session session) {
    session.flush();
  }

  /** Has the session read the question that follows the document, to its end. */
  default void ask(Session session, int[] tokens) {
    session.ask(tokens);
  }

  /**
   * Decoding for one answer; whoever forks closes it.
   *
   * @param session a fork of the one that reads the document
   */
  default Decoding fork(Session session) {
    return this;
  }

  /**
   * Bytes of keys and values that each token takes beside those of the session that writes, as long
   * as an answer is written.
   *
   * @param dtype how they are stored
   */
  default long kvBytesPerToken(KvDType dtype) {
    return 0;
  }

  /** Guesses for the answer that follows the question; to be called on a fork, once. */
  Guesser guesser();

  @Override
  default void close() {}
}
