package org.longform.kernels.context;

import java.util.List;
import java.util.Set;

/** The parameters of {@link InfiniPot}, their defaults and what does not go together. */
final class InfiniPotFactory implements ContextFactory {
  /** Value of a size that is to follow from another. */
  private static final long AUTOMATIC = 0;

  @Override
  public String name() {
    return "infinipot";
  }

  @Override
  public String description() {
    return "A pot of a fixed number of tokens is filled with the text; whenever it is full, it is distilled. A catalyst "
        + "prompt is read behind it, and each head of each layer keeps the tokens that surprised the model when it read "
        + "them, and of the others those that the prompt attended to. What is kept begins anew at the first positions.";
  }

  @Override
  public String whenToUse() {
    return "For summaries of endless text in constant memory, and for one question when it is known before: give it as "
        + "catalyst-prompt. For many questions about one document, reattention loses nothing.";
  }

  @Override
  public String cost() {
    return "Time grows linearly with the length; every token read costs a prediction beside, and each distillation one "
        + "reading of the catalyst prompt. Memory is constant: pot-size tokens.";
  }

  @Override
  public String source() {
    return "Kim et al. 2024, InfiniPot: Infinite Context Processing on Memory-Constrained LLMs (arXiv 2410.01518)";
  }

  @Override
  public String notCopied() {
    return "There is no published code, so this follows the paper; where it says nothing, half of the pot is kept, and the "
        + "attention of the query heads that share a key is summed. What the same author's later program does "
        + "otherwise is left out: no share for surprising tokens, budgets that differ from head to head, a system "
        + "prompt that is never dropped, and positions that go on growing.";
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
            "pot-size",
            "Tokens of a full pot, those of the catalyst prompt included.",
            "4096 (the trained window, if that is less)",
            limits -> Math.min(4096, limits.trainedWindow()),
            2),
        Parameter.integer(
            "kept-size",
            "Tokens that each head keeps of a full pot; 0 for half of it.",
            "0",
            limits -> AUTOMATIC,
            0),
        Parameter.decimal(
            "novelty-share",
            "Share of the kept tokens that are kept because they surprised the model, from 0 to 1; the others are "
                + "those that the catalyst prompt attends to.",
            "0.5",
            limits -> 0.5,
            0),
        Parameter.text(
            "catalyst-prompt",
            "Text that is read behind a full pot, and forgotten, to see what matters; the question itself, if there is one.",
            "two line ends and: Summarize the previous context highlighting the most important parts.",
            "\n\nSummarize the previous context highlighting the most important parts."),
        Parameter.integer(
            "chunk-size",
            "Tokens of the document read as one block.",
            "128 (an eighth of the trained window, if that is less)",
            limits -> Math.min(128, limits.trainedWindow() / 8),
            1));
  }

  @Override
  public ContextStrategy create(ParameterValues values, ModelLimits limits) {
    Combination combination = new Combination(name());
    long pot = values.integer("pot-size");
    combination.require(
        pot <= limits.trainedWindow(),
        "pot-size %d exceeds the %d tokens the model was trained on. Lower it.",
        pot,
        limits.trainedWindow());
    double share = values.decimal("novelty-share");
    combination.require(
        share <= 1, "novelty-share %s must not be above 1. Lower it or leave it out.", share);
    int[] catalyst = values.tokens("catalyst-prompt");
    combination.require(
        catalyst.length > 0, "catalyst-prompt is empty. Leave it out, or write what to look for.");
    long kept = values.integer("kept-size") == AUTOMATIC ? pot / 2 : values.integer("kept-size");
    combination.require(
        kept + catalyst.length < pot,
        "pot-size %d has no room for new text beside %d kept tokens and the %d of catalyst-prompt. Raise it, lower kept-size, or shorten catalyst-prompt.",
        pot,
        kept,
        catalyst.length);
    return new InfiniPot(
        new InfiniPot.Settings(
            Math.toIntExact(pot),
            Math.toIntExact(kept),
            (int) (share * kept),
            catalyst,
            Math.toIntExact(values.integer("chunk-size"))));
  }
}
