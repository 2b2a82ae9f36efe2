package org.longform.kernels.context;

import java.util.List;
import java.util.Set;

/** The parameters of {@link SirLlm}, their defaults and what does not go together. */
final class SirLlmFactory implements ContextFactory {
  /** Start, entropy and recent sizes of the published program's own defaults. */
  private static final long PUBLISHED = 4 + 1000 + 1000;

  @Override
  public String name() {
    return "sirllm";
  }

  @Override
  public String description() {
    return "The first tokens, those that surprised the model most when it read them, and the newest ones stay; all else is "
        + "forgotten whenever the cache is full. What is kept stands at consecutive positions. At every question "
        + "older surprises fade by a factor.";
  }

  @Override
  public String whenToUse() {
    return "For conversations and streams without end in constant memory, where names and numbers should be remembered. A "
        + "fact that reads smoothly is forgotten; to answer questions from anywhere in a document, reattention is better.";
  }

  @Override
  public String cost() {
    return "Time grows linearly with the length, and every token read costs a prediction beside. Memory is constant: "
        + "global-size, surprising-size and recent-size together.";
  }

  @Override
  public String source() {
    return "Yao et al. 2024, SirLLM: Streaming Infinite Retentive LLM (arXiv 2405.12528)";
  }

  @Override
  public String notCopied() {
    return "The published program stores for each token the surprise of the one before it, by an error of one, and takes "
        + "the turn's largest for the first token of each turn: here each token has its own, and only the first token "
        + "of the document, which nothing predicts, the largest of its block. It forgets between turns only, so a turn "
        + "must fit the cache: a document is one turn that does not, so here room for one block (chunk-size) is made "
        + "whenever the cache is full. Its published commands keep no newest tokens but those that surprise; that "
        + "cuts sentences at the borders of blocks, so the sizes are those of the program's own defaults, half and half.";
  }

  @Override
  public Set<Promise> promises() {
    return Set.of(
        Promise.FULL_WHEN_SHORT,
        Promise.WITHIN_WINDOW,
        Promise.PREFIX_STABLE,
        Promise.BOUNDED_MEMORY);
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.integer(
            "global-size",
            "Tokens at the beginning of the document that are always seen.",
            "4 (a 32nd of the trained window, if that is less)",
            SirLlmFactory::defaultGlobal,
            0),
        Parameter.integer(
            "surprising-size",
            "Room for the most surprising tokens, the block that is read included.",
            "1000 (half of what global-size leaves of the trained window, if that is less)",
            SirLlmFactory::defaultSurprising,
            0),
        Parameter.integer(
            "recent-size",
            "Room for the newest tokens.",
            "1000 (half of what global-size leaves of the trained window, if that is less)",
            limits -> defaultSize(limits) - defaultGlobal(limits) - defaultSurprising(limits),
            1),
        Parameter.decimal(
            "turn-decay",
            "Factor on the surprise of older tokens at every question.",
            "1.0",
            limits -> 1.0,
            0),
        Parameter.integer(
            "chunk-size",
            "Tokens of the document read as one block, for which room is made when the cache is full.",
            "128 (an eighth of the trained window, if that is less)",
            limits -> Math.min(128, limits.trainedWindow() / 8),
            1));
  }

  private static long defaultSize(ModelLimits limits) {
    return Math.min(PUBLISHED, limits.trainedWindow());
  }

  private static long defaultGlobal(ModelLimits limits) {
    return Math.min(4, limits.trainedWindow() / 32);
  }

  private static long defaultSurprising(ModelLimits limits) {
    return (defaultSize(limits) - defaultGlobal(limits)) / 2;
  }

  @Override
  public ContextStrategy create(ParameterValues values, ModelLimits limits) {
    Combination combination = new Combination(name());
    long global = values.integer("global-size");
    long surprising = values.integer("surprising-size");
    long recent = values.integer("recent-size");
    combination.require(
        global + surprising + recent <= limits.trainedWindow(),
        "global-size %d, surprising-size %d and recent-size %d together exceed the %d tokens the model was trained on. Lower one of them.",
        global,
        surprising,
        recent,
        limits.trainedWindow());
    long chunk = values.integer("chunk-size");
    combination.require(
        chunk < surprising + recent,
        "chunk-size %d leaves nothing of the %d surprising and recent tokens. Lower it, or raise surprising-size or recent-size.",
        chunk,
        surprising + recent);
    double decay = values.decimal("turn-decay");
    combination.require(
        decay <= 1, "turn-decay %s must not be above 1. Lower it or leave it out.", decay);
    return new SirLlm(
        new SirLlm.Settings(
            Math.toIntExact(global),
            Math.toIntExact(surprising),
            Math.toIntExact(recent),
            decay,
            Math.toIntExact(chunk)));
  }
}
