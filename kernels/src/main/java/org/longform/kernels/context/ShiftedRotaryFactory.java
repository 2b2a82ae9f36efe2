package org.longform.kernels.context;

import java.util.List;
import java.util.Set;

/** The parameters of {@link ShiftedRotary}, their defaults and what does not go together. */
final class ShiftedRotaryFactory implements ContextFactory {
  /** 0.1 ln 2 + 1: YaRN's factor for twice the length. */
  private static final double PUBLISHED_FACTOR = 0.1 * Math.log(2) + 1;

  private static final long PUBLISHED_LOCAL = 128;

  @Override
  public String name() {
    return "string";
  }

  @Override
  public String description() {
    return "Every token sees every earlier one, and those at the largest distances, which models learn worst, are seen "
        + "nearer than they are. It makes better use of the trained window without training. Beyond the window "
        + "distances stay within it for another third of its length.";
  }

  @Override
  public String whenToUse() {
    return "For documents of about the trained window whose beginning or middle is overlooked. For much longer ones use "
        + "reattention, which keeps all distances within the window.";
  }

  @Override
  public String cost() {
    return "As full attention: time grows with the square of the length, memory linearly, because every token stays "
        + "cached.";
  }

  @Override
  public String notCopied() {
    return "The published prefill counts a token at the distance shifted-offset twice, and its decoding fails for prompts "
        + "that are not longer than the offset; here every token is seen once, in blocks and single steps alike. The "
        + "rounding of the far part to memory blocks, which vLLM needs, and the scaling by YaRN that some scripts add are left "
        + "out.";
  }

  @Override
  public String tuning() {
    return "Distances stay within the trained window as long as the text is not longer than the window and shifted-offset "
        + "together, less small-local-value: 648 tokens for the bundled model (trained on 512), 736 with shifted-offset at "
        + "half the window. It answered all questions at 768 tokens, where full attention answered 5 %, and at 1,024, which is "
        + "beyond what the method promises, 5 %, with half the window 40 %.";
  }

  @Override
  public String source() {
    return "An et al. 2025, Why Does the Effective Context Length of LLMs Fall Short? (arXiv 2410.18745)";
  }

  @Override
  public Set<Promise> promises() {
    return Set.of(Promise.CHUNK_INVARIANT, Promise.PREFIX_STABLE);
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.integer(
            "shifted-offset",
            "Distance from which on tokens are seen nearer than they are: S in the paper, best from a quarter to half "
                + "of the trained window.",
            "0.33 of the trained window",
            ShiftedRotaryFactory::defaultOffset,
            1),
        Parameter.integer(
            "small-local-value",
            "Distance at which those tokens begin again: W in the paper.",
            "128 (a 16th of the trained window, if that is less)",
            limits -> Math.min(PUBLISHED_LOCAL, limits.trainedWindow() / 16),
            0),
        Parameter.decimal(
            "attention-factor",
            "Factor on queries and keys alike, so that logits get its square; 1 for none.",
            "0.1 ln 2 + 1 = 1.069",
            limits -> PUBLISHED_FACTOR,
            0),
        Parameter.integer(
            "chunk-size",
            "Tokens of the document read as one block; it changes the speed only.",
            "128",
            limits -> 128L,
            1));
  }

  private static long defaultOffset(ModelLimits limits) {
    return Math.max(1, limits.trainedWindow() * 33 / 100);
  }

  @Override
  public ContextStrategy create(ParameterValues values, ModelLimits limits) {
    long offset = values.integer("shifted-offset");
    long local = values.integer("small-local-value");
    Combination combination = new Combination(name());
    combination.require(
        local <= offset,
        "small-local-value %d exceeds shifted-offset %d, so far tokens would be seen farther away than they are. "
            + "Lower it.",
        local,
        offset);
    double factor = values.decimal("attention-factor");
    return new ShiftedRotary(
        new ShiftedRotary.Settings(
            offset, local, factor * factor, Math.toIntExact(values.integer("chunk-size"))));
  }
}
