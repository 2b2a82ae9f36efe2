package org.longform.generate;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.longform.decoding.Guesser;
import org.longform.kernels.model.DecodeStep;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.TokenTree;

/** An answer while it is written, token by token, from a session that has read the prompt. */
public final class Draft {
  /**
   * What was written.
   *
   * @param tokens number of tokens sampled, the one that ended the answer included
   */
  public record Written(String text, int tokens, FinishReason finishReason) {}

  private final Session session;
  private final SamplingParameters parameters;
  private final Sampler sampler;
  private final AnswerText text;
  private final Set<Integer> endTokens;
  private final Runnable onToken;
  private final Guesser guesser;
  private int tokens;
  private int newest;
  private Written written;
  private Throwable failure;

  Draft(
      Session session,
      SamplingParameters parameters,
      Sampler sampler,
      AnswerText text,
      Set<Integer> endTokens,
      Guesser guesser,
      Runnable onToken) {
    this.session = session;
    this.guesser = guesser;
    this.parameters = parameters;
    this.sampler = sampler;
    this.text = text;
    this.endTokens = endTokens;
    this.onToken = onToken;
  }

  Session session() {
    return session;
  }

  /** What was written. Throws what made it fail, if it did. */
  public Written written() {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure instanceof RuntimeException exception) {
      throw exception;
    }
    if (written == null) {
      throw new IllegalStateException("nobody wrote the draft", failure);
    }
    return written;
  }

  /** What made it fail. */
  public Optional<Throwable> failure() {
    return Optional.ofNullable(failure);
  }

  void fail(Throwable e) {
    failure = e;
  }

  /**
   * Chooses the token behind the prompt.
   *
   * @return whether the answer goes on
   */
  boolean begin(float[] logits) {
    return write(sampler.next(logits));
  }

  /**
   * Goes on from what was read: chooses the token behind the one before, and as long as that was
   * guessed, the next.
   *
   * @return whether the answer goes on
   */
  boolean goOn(DecodeStep step) {
    TokenTree tree = step.tree();
    try {
      guesser.read(tree, step::logits);
      for (int row = 0; ; ) {
        if (!write(guesser.choose(tree, row, step.logits(row), sampler))) {
          return false;
        }
        OptionalInt right = tree.child(row, newest);
        if (right.isEmpty()) {
          return true;
        }
        row = right.getAsInt();
        step.accept(row);
        guesser.accepted(row);
      }
    } finally {
      step.settle();
    }
  }

  /** What the session has to read next. No other step of the thread may be open meanwhile. */
  TokenTree next() {
    return guesser.guess(newest, parameters.maxNewTokens() - tokens, sampler);
  }

  /** Writes a token; whether another one follows. */
  private boolean write(int token) {
    newest = token;
    tokens++;
    onToken.run();
    if (endTokens.contains(token)) {
      return complete(FinishReason.STOP);
    }
    text.append(token);
    if (text.stopped() || sampler.continuations().complete()) {
      return complete(FinishReason.STOP);
    }
    return tokens < parameters.maxNewTokens() || complete(FinishReason.LENGTH);
  }

  private boolean complete(FinishReason reason) {
    String whole = text.finish();
    FinishReason told = sampler.cutShort() ? FinishReason.LENGTH : reason;
    written = new Written(whole, tokens, text.stopped() ? FinishReason.STOP : told);
    return false;
  }
}
