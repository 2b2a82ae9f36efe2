package org.longform.generate;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Supplier;
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
   * @param onToken told of each token
   */
  public Draft draft(
      Session session,
      SamplingParameters parameters,
      BitSet prompt,
      long rowSeed,
      Runnable onToken) {
    return new Draft(
        session, parameters, prompt, rowSeed, tokenizer.detokenizer(), endTokens, onToken);
  }

  /**
   * Writes several answers to their ends, a token of each at a time; those that other threads write
   * from the same model share the passes. What each says does not depend on the others, and a
   * failure is thrown by {@link Draft#written} of its draft alone.
   */
  public void write(List<Draft> drafts) {
    List<Draft> writing = new ArrayList<>();
    List<DecodeStep> steps = new ArrayList<>();
    for (Draft draft : drafts) {
      choose(draft, draft.session()::logits, writing, steps);
    }
    while (!steps.isEmpty()) {
      batcher.read(steps);
      List<Draft> before = writing;
      List<DecodeStep> read = steps;
      writing = new ArrayList<>();
      steps = new ArrayList<>();
      for (int i = 0; i < read.size(); i++) {
        choose(before.get(i), read.get(i)::logits, writing, steps);
      }
    }
  }

  private void choose(
      Draft draft, Supplier<float[]> logits, List<Draft> writing, List<DecodeStep> steps) {
    try {
      OptionalInt token = draft.choose(logits.get());
      if (token.isPresent()) {
        writing.add(draft);
        steps.add(new DecodeStep(draft.session(), token.getAsInt()));
        return;
      }
    } catch (RuntimeException | Error e) {
      draft.fail(e);
    }
    batcher.leave(draft.session());
  }
}
