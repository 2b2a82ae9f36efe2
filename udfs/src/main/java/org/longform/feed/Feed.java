package org.longform.feed;

import org.longform.kernels.model.Session;

/**
 * One document on its way into a session. Used by one thread; whoever opens it closes it, and the
 * session with it.
 */
public interface Feed extends AutoCloseable {
  /** Reads the next tokens of the document. */
  void take(DocumentPiece piece);

  /** The document is at its end: what is left to be done with it is done now. */
  void finish();

  /**
   * What was read so far, where that is one session from the beginning; else it is there when the
   * document was read to its end.
   */
  Session session();

  /**
   * Which token of the document a row of the session is.
   *
   * @return its index in the document; negative, or beyond the document, if it is none of it
   */
  long documentToken(long row);

  /** What was done so far, in all sessions together. */
  FeedStats stats();

  @Override
  void close();
}
