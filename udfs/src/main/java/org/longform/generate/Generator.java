package org.longform.generate;

import java.util.BitSet;
import java.util.Set;
import java.util.function.LongConsumer;
import org.longform.kernels.model.Session;
import org.longform.tokenizer.Detokenizer;
import org.longform.tokenizer.Tokenizer;

/** Writes an answer token by token from a session that has read the prompt. */
public final class Generator {
  private final Tokenizer tokenizer;
  private final Set<Integer> endTokens;

  /**
   * @param endTokens tokens that end an answer and are no part of it
   */
  public Generator(Tokenizer tokenizer, Set<Integer> endTokens) {
    this.tokenizer = tokenizer;
    this.endTokens = Set.copyOf(endTokens);
  }

  /**
   * What was written.
   *
   * @param tokens number of tokens sampled, the one that ended the answer included
   */
  public record Generation(String text, int tokens, FinishReason finishReason) {}

  /**
   * @param session read up to the place where the answer begins; it reads the answer, too
   * @param parameters how tokens are chosen
   * @param prompt the tokens of the prompt, which a repetition penalty counts as written
   * @param rowSeed seed of this row, from {@link RowSeed}
   * @param onToken told of each token, by ones
   */
  public Generation generate(
      Session session,
      SamplingParameters parameters,
      BitSet prompt,
      long rowSeed,
      LongConsumer onToken) {
    Sampler sampler = new Sampler(parameters, rowSeed);
    prompt.stream().forEach(sampler::observe);
    StopStrings stops = new StopStrings(parameters.stop());
    Detokenizer detokenizer = tokenizer.detokenizer();
    StringBuilder text = new StringBuilder();
    int written = 0;
    while (written < parameters.maxNewTokens()) {
      int token = sampler.next(session.logits());
      written++;
      onToken.accept(1);
      if (endTokens.contains(token)) {
        text.append(stops.append(detokenizer.finish())).append(stops.finish());
        return new Generation(text.toString(), written, FinishReason.STOP);
      }
      text.append(stops.append(detokenizer.append(token)));
      if (stops.stopped()) {
        return new Generation(text.toString(), written, FinishReason.STOP);
      }
      if (written < parameters.maxNewTokens()) {
        session.step(token);
      }
    }
    text.append(stops.append(detokenizer.finish())).append(stops.finish());
    return new Generation(
        text.toString(), written, stops.stopped() ? FinishReason.STOP : FinishReason.LENGTH);
  }
}
