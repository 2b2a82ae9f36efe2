package org.longform.generate;

import java.util.BitSet;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.longform.kernels.model.Session;
import org.longform.tokenizer.Detokenizer;

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
  private final StopStrings stops;
  private final Detokenizer detokenizer;
  private final Set<Integer> endTokens;
  private final Runnable onToken;
  private final StringBuilder text = new StringBuilder();
  private int tokens;
  private Written written;
  private Throwable failure;

  Draft(
      Session session,
      SamplingParameters parameters,
      BitSet prompt,
      long rowSeed,
      Detokenizer detokenizer,
      Set<Integer> endTokens,
      Runnable onToken) {
    this.session = session;
    this.parameters = parameters;
    this.sampler = new Sampler(parameters, rowSeed);
    prompt.stream().forEach(sampler::observe);
    this.stops = new StopStrings(parameters.stop());
    this.detokenizer = detokenizer;
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
   * Chooses the next token.
   *
   * @return the token if the session has to read it, because another one follows; empty if the
   *     answer is complete
   */
  OptionalInt choose(float[] logits) {
    int token = sampler.next(logits);
    tokens++;
    onToken.run();
    if (endTokens.contains(token)) {
      return complete(FinishReason.STOP);
    }
    text.append(stops.append(detokenizer.append(token)));
    if (stops.stopped()) {
      written = new Written(text.toString(), tokens, FinishReason.STOP);
      return OptionalInt.empty();
    }
    return tokens < parameters.maxNewTokens()
        ? OptionalInt.of(token)
        : complete(FinishReason.LENGTH);
  }

  private OptionalInt complete(FinishReason reason) {
    text.append(stops.append(detokenizer.finish())).append(stops.finish());
    written = new Written(text.toString(), tokens, stops.stopped() ? FinishReason.STOP : reason);
    return OptionalInt.empty();
  }
}
