package org.longform.kernels.context;

import java.util.List;
import java.util.Set;

/** The parameters of {@link LmInfinite}, their defaults and what does not go together. */
final class LmInfiniteFactory implements ContextFactory {
  /** Models trained on fewer tokens get a window that leaves room for the global tokens. */
  private static final long PUBLISHED_WINDOW = 2048;

  @Override
  public String name() {
    return "lm-infinite";
  }

  @Override
  public String description() {
    return "Every token sees the newest ones at their true distance and the first ones at no distance above a ceiling (a "
        + "Λ-shaped mask). Text stays fluent at any length; facts outside the window are lost. With top-k-middle "
        + "the last token of the question and each generated one also see the best matching tokens between, all at "
        + "one distance.";
  }

  @Override
  public String whenToUse() {
    return "For perplexity and text without end; with top-k-middle also for facts that one query finds. To answer "
        + "questions from anywhere in a document, reattention is better.";
  }

  @Override
  public String cost() {
    return "Time grows linearly with the length. Memory is constant: global-size, local-size and one block. With "
        + "top-k-middle the whole document stays in memory, and each generated token compares itself with all of it.";
  }

  @Override
  public String notCopied() {
    return "A cache that grows for ever although most of it is never seen again: what was left behind is dropped, unless "
        + "top-k-middle needs it. Key heads as many as query heads: groups of query heads share theirs. A softmax in "
        + "half precision: it is computed in 32 bits. Masked pairs that get a score of zero or twice theirs where "
        + "distance-limit and local-size differ: each pair counts once, at its own distance. Angles in 32 bits, which "
        + "lose accuracy beyond some hundred thousand tokens: they come from 64 bits. Cutting the middle out of long "
        + "documents before they are read, as its evaluations do: every document is read to its end.";
  }

  @Override
  public String source() {
    return "Han et al. 2024, LM-Infinite: Zero-Shot Extreme Length Generalization for Large Language Models (arXiv 2308.16137)";
  }

  @Override
  public Set<Promise> promises() {
    return Set.of(
        Promise.FULL_WHEN_SHORT,
        Promise.WITHIN_WINDOW,
        Promise.CHUNK_INVARIANT,
        Promise.PREFIX_STABLE,
        Promise.BOUNDED_MEMORY);
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.integer(
            "global-size",
            "Tokens at the beginning of the document that are always seen.",
            "10; for models trained on less than 2048 tokens a 32nd of that window",
            LmInfiniteFactory::defaultGlobal,
            0),
        Parameter.integer(
            "local-size",
            "Newest tokens that are seen at their true distance, the token itself included.",
            "the trained window; for models trained on less than 2048 tokens 7/8 of it",
            LmInfiniteFactory::defaultLocal,
            1),
        Parameter.integer(
            "distance-limit",
            "Largest distance at which a global token is seen; 0 for the local size, as published.",
            "0",
            limits -> 0L,
            0),
        Parameter.integer(
            "chunk-size", "Tokens of the document read as one block.", "128", limits -> 128L, 1),
        Parameter.integer(
            "question-chunk",
            "Tokens of the question read as one block; only with top-k-middle, which serves the last token of a block.",
            "1",
            limits -> 1L,
            1),
        Parameter.integer(
            "top-k-middle",
            "Best matching tokens between the global and the local ones that each head sees beside them; 0 for none.",
            "0",
            limits -> 0L,
            0),
        Parameter.integer(
            "top-k-insert-at",
            "Distance at which those tokens are seen; 0 for half the local size.",
            "0",
            limits -> 0L,
            0),
        Parameter.integer(
            "top-k-from-layer",
            "First layer that sees those tokens, counted from 0.",
            "an eighth of the layers (4 of 32)",
            limits -> limits.layers() / 8L,
            0),
        Parameter.integer(
            "top-k-to-layer",
            "One past the last layer that sees those tokens.",
            "the number of layers",
            limits -> (long) limits.layers(),
            0));
  }

  private static long defaultGlobal(ModelLimits limits) {
    return limits.trainedWindow() >= PUBLISHED_WINDOW ? 10 : limits.trainedWindow() / 32;
  }

  private static long defaultLocal(ModelLimits limits) {
    long window = limits.trainedWindow();
    return window >= PUBLISHED_WINDOW ? window : Math.max(1, window * 7 / 8);
  }

  @Override
  public ContextStrategy create(ParameterValues values, ModelLimits limits) {
    Combination combination = new Combination(name());
    long window = limits.trainedWindow();
    long local = values.integer("local-size");
    combination.require(
        local <= window,
        "local-size %d exceeds the %d tokens the model was trained on. Lower it.",
        local,
        window);
    long limit = values.integer("distance-limit");
    combination.require(
        limit == 0 || (limit >= local && limit <= window),
        "distance-limit %d must lie between local-size %d and the %d tokens the model was trained on. Change it or leave it out.",
        limit,
        local,
        window);
    return new LmInfinite(
        new LmInfinite.Settings(
            values.integer("global-size"),
            local,
            limit == 0 ? local : limit,
            Math.toIntExact(values.integer("chunk-size")),
            Math.toIntExact(values.integer("question-chunk")),
            middle(values, local, combination)));
  }

  private static LmInfinite.Middle middle(
      ParameterValues values, long local, Combination combination) {
    long insertAt = values.integer("top-k-insert-at");
    combination.require(
        insertAt <= local,
        "top-k-insert-at %d is further away than any local token (local-size %d). Lower it.",
        insertAt,
        local);
    return new LmInfinite.Middle(
        Math.toIntExact(values.integer("top-k-middle")),
        insertAt == 0 ? local / 2 : insertAt,
        values.integer("top-k-from-layer"),
        values.integer("top-k-to-layer"));
  }
}
