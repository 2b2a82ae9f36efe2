package org.longform.generate;

import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.longform.decoding.Continuations;
import org.longform.decoding.Guesser;
import org.longform.grammar.JsonType;
import org.longform.grammar.TokenAutomata;
import org.longform.grammar.TokenAutomaton;
import org.longform.kernels.model.DecodeBatcher;
import org.longform.kernels.model.DecodeStep;
import org.longform.kernels.model.Session;
import org.longform.tokenizer.Tokenizer;

/** Writes answers token by token from sessions that have read their prompts. */
public final class Generator {
  private final Tokenizer tokenizer;
  private final Set<Integer> endTokens;
  private final DecodeBatcher batcher;

  /**
   * @param endTokens tokens that end an answer and are no part of it
   * @param batcher of the sessions' model
   */
  public Generator(Tokenizer tokenizer, Set<Integer> endTokens, DecodeBatcher batcher) {
    this.tokenizer = tokenizer;
    this.endTokens = Set.copyOf(endTokens);
    this.batcher = batcher;
  }

  /**
   * An answer that is to be written.
   *
   * @param session read up to the place where the answer begins; it reads the answer, too
   * @param parameters how tokens are chosen
   * @param prompt the tokens of the prompt, which a repetition penalty counts as written
   * @param rowSeed seed of this row, from {@link RowSeed}
   * @param guesser of this answer; it stays with the caller
   * @param onToken told of each token
   */
  public Draft draft(
      Session session,
      SamplingParameters parameters,
      BitSet prompt,
      long rowSeed,
      Guesser guesser,
      Runnable onToken) {
    Sampler sampler = sampler(new Sampler(parameters, rowSeed), prompt);
    AnswerText text = AnswerText.free(tokenizer.detokenizer(), parameters.stop());
    return new Draft(session, parameters, sampler, text, endTokens, guesser, onToken);
  }

  /**
   * An answer that is to be JSON of a type, whatever its size and the model: as {@link #draft}, but
   * stop texts do not count. It is closed before {@code maxNewTokens} are written.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION if no JSON of the type is
   *     that short, UNSUPPORTED_MODEL if the vocabulary has no tokens for it
   */
  public Draft json(
      JsonType type,
      Session session,
      SamplingParameters parameters,
      BitSet prompt,
      long rowSeed,
      Guesser guesser,
      Runnable onToken) {
    TokenAutomaton grammar = TokenAutomata.of(tokenizer).json(type, endTokens);
    Continuations begin = grammar.begin(parameters.maxNewTokens());
    Sampler sampler = sampler(new Sampler(parameters, rowSeed, begin), prompt);
    return new Draft(
        session, parameters, sampler, AnswerText.of(grammar), endTokens, guesser, onToken);
  }

  private static Sampler sampler(Sampler sampler, BitSet prompt) {
    prompt.stream().forEach(sampler::observe);
    return sampler;
  }

  /**
   * Writes several answers to their ends, a token of each at a time, and what is guessed behind it;
   * those that other threads write from the same model share the passes. What each says does not
   * depend on the others, and a failure is thrown by {@link Draft#written} of its draft alone.
   */
  public void write(List<Draft> drafts) {
    List<Draft> writing =
        drafts.stream()
            .filter(draft -> goesOn(draft, () -> draft.begin(draft.session().logits())))
            .toList();
    while (!writing.isEmpty()) {
      Map<Draft, DecodeStep> steps = new LinkedHashMap<>();
      for (Draft draft : writing) {
        goesOn(
            draft,
            () -> {
              steps.put(draft, new DecodeStep(draft.session(), draft.next()));
              return true;
            });
      }
      batcher.read(List.copyOf(steps.values()));
      // all are settled before any guesses again: a guess may wait for memory
      writing = steps.keySet().stream().filter(draft -> goesOn(draft, steps.get(draft))).toList();
    }
  }

  private boolean goesOn(Draft draft, DecodeStep step) {
    return goesOn(draft, () -> draft.goOn(step));
  }

  /** Whether the draft goes on; if it ended or failed, nobody need wait for it. */
  private boolean goesOn(Draft draft, BooleanSupplier part) {
    try {
      if (part.getAsBoolean()) {
        return true;
      }
    } catch (RuntimeException | Error e) {
      draft.fail(e);
    }
    batcher.leave(draft.session());
    return false;
  }
}
