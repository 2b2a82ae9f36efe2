package org.longform.feed;

import java.util.Optional;
import java.util.function.Supplier;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.Decoder;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.SessionOptions;

/**
 * A document that is to be read.
 *
 * @param decoder the model
 * @param contexts makes the context strategy of one session
 * @param sessions how sessions behave
 * @param prefix tokens that stand before the document
 * @param suffix tokens that follow it: what is asked
 * @param documentTokens number of the document's tokens, -1 if nobody asked for it
 * @param begun a session that has some of the document behind it already
 * @param prompts gives tokens to the session that answers will be written from
 */
public record FeedRequest(
    Decoder decoder,
    Supplier<ContextStrategy> contexts,
    SessionOptions sessions,
    int[] prefix,
    int[] suffix,
    long documentTokens,
    Optional<Session> begun,
    Prompts prompts) {

  /** Gives tokens to a session, and to whatever reads along. */
  public interface Prompts {
    void feed(Session session, int[] tokens, int from, int count);
  }

  /**
   * A session with a context strategy of its own, which is told of the length of its document if it
   * depends on that.
   *
   * @param tokens of the document that it will read
   */
  Session open(long tokens) {
    ContextStrategy context = contexts.get();
    Session session = decoder.open(context, sessions);
    try {
      if (context.dependsOnPromptLength()) {
        session.expectPromptTokens(prefix.length + tokens + suffix.length);
      } else if (context.dependsOnDocumentLength()) {
        session.expectPromptTokens(prefix.length + tokens);
      }
      return session;
    } catch (Throwable e) {
      session.close();
      throw e;
    }
  }

  /** Fails where nothing follows the document: there is no question to read it for. */
  void requireQuestion(String reading) {
    if (suffix.length == 0) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use reading '%s': it reads a document for what is asked of it, and nothing is. Ask something, or use reading 'sequential'."
              .formatted(reading));
    }
  }
}
