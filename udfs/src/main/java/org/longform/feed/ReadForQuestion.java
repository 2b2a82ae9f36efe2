package org.longform.feed;

import org.longform.kernels.model.Session;

/**
 * What a document became that was read for a question: a session of its own, with some of the
 * document's tokens.
 */
final class ReadForQuestion implements AutoCloseable {
  /** A row that is no token of the document. */
  static final long SURROUNDING = -1;

  private Session session;
  private long[] origins = {};

  /**
   * The document was read to its end.
   *
   * @param read belongs to this from now on
   * @param tokens for each of its first rows the document's token, or {@link #SURROUNDING}
   */
  void is(Session read, long[] tokens) {
    session = read;
    origins = tokens;
  }

  /** As {@link Feed#session}. */
  Session session() {
    if (session == null) {
      throw new IllegalStateException("the document was not read to its end");
    }
    return session;
  }

  /** As {@link Feed#documentToken}. */
  long documentToken(long row) {
    return row < origins.length ? origins[(int) row] : SURROUNDING;
  }

  /** What was done before it, and in it. */
  FeedStats after(FeedStats before) {
    return session == null ? before : before.and(session.stats());
  }

  @Override
  public void close() {
    if (session != null) {
      session.close();
    }
  }
}
