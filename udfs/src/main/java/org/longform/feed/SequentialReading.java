package org.longform.feed;

import java.util.List;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.model.Session;

/** From the beginning to the end, once, in one session. */
final class SequentialReading implements ReadingStrategy {
  @Override
  public String name() {
    return "sequential";
  }

  @Override
  public String description() {
    return "Every token of the document is read once, from the beginning to the end, and all questions are answered from that one reading. "
        + "What a token sees of the others is decided by the context strategy. "
        + "Nothing depends on the question, so a reading can be stopped, kept and gone on with.";
  }

  @Override
  public String whenToUse() {
    return "The default: for several questions about one document, for summaries, for perplexity, and wherever the context strategy reaches what is asked.";
  }

  @Override
  public String cost() {
    return "Time and memory of the context strategy, once for a document and once more for each question's own tokens.";
  }

  @Override
  public String source() {
    return "The usual prefill of a decoder";
  }

  @Override
  public String notCopied() {
    return "Nothing: there is no published code to it.";
  }

  @Override
  public List<Parameter> parameters() {
    return List.of();
  }

  @Override
  public boolean readsForQuestion() {
    return false;
  }

  @Override
  public boolean usesContext() {
    return true;
  }

  @Override
  public Feed open(ParameterValues values, FeedRequest request) {
    return new Sequence(request);
  }

  private static final class Sequence implements Feed {
    private final FeedRequest request;
    private final Session session;

    Sequence(FeedRequest request) {
      this.request = request;
      this.session = request.begun().orElseGet(() -> request.open(request.documentTokens()));
    }

    @Override
    public void take(DocumentPiece piece) {
      begun();
      request.prompts().feed(session, piece.ids(), 0, piece.ids().length);
    }

    @Override
    public void finish() {
      begun();
    }

    private void begun() {
      if (session.length() + session.pendingTokens() == 0) {
        request.prompts().feed(session, request.prefix(), 0, request.prefix().length);
      }
    }

    @Override
    public Session session() {
      return session;
    }

    @Override
    public long documentToken(long row) {
      return row - request.prefix().length;
    }

    @Override
    public FeedStats stats() {
      return FeedStats.of(session.stats());
    }

    @Override
    public void close() {
      session.close();
    }
  }
}
