package org.longform.kernels.context;

import java.util.List;
import java.util.Set;

/** The parameters of {@link InfLlm}, their defaults and what does not go together. */
final class InfLlmFactory implements ContextFactory {
  /** Below it the keys that few tokens were attended by say less than all of them together. */
  private static final long SMALL_UNIT = 32;

  @Override
  public String name() {
    return "infllm";
  }

  @Override
  public String description() {
    return "The newest tokens are seen at their true distance, everything further away at one distance: the first tokens "
        + "and a few memory units, blocks of text whose keys match the block's queries best. For a unit speak the "
        + "keys of those of its tokens that got most attention while they were in the window.";
  }

  @Override
  public String whenToUse() {
    return "For answers from anywhere in a document where choosing by whole blocks is enough: the choice compares one key "
        + "for each unit in place of all keys, so it is faster than reattention on very long documents.";
  }

  @Override
  public String cost() {
    return "Attention costs the same anywhere in a document; choosing grows with the number of units, so time grows with "
        + "the square of the length at a small rate. Memory grows with the length: the whole document stays in the "
        + "cache, and in each layer a unit's key takes as much as a query, 4 bytes a number, on the Java heap; "
        + "EXPLAIN and plan say how much that is.";
  }

  @Override
  public String tuning() {
    return "Where a fact is missed, look at the tokens that stand for a unit before its size: those that are attended to while they "
        + "are near need not be those that are asked for later. With 4 of the 8 tokens of its units the bundled model (trained on "
        + "512) gave 90, 75 and 40 % right answers at 512, 768 and 2,048 tokens, with all 8 of them 100, 95 and 80 %, as with "
        + "units of single tokens; so small units have all. More units-seen (32, as the paper has for a window of 8192) helped where "
        + "4 stood for a unit (100, 95 and 45 %), and nothing beside all 8; chosen-by head neither.";
  }

  @Override
  public String source() {
    return "Xiao et al. 2024, InfLLM: Training-Free Long-Context Extrapolation for LLMs with an Efficient Context Memory (arXiv 2402.04617)";
  }

  @Override
  public String notCopied() {
    return "In long blocks the published program masks what is far by the length of all that waits, so the first tokens "
        + "of a block count some neighbours twice: here each pair counts once, at its true distance. Its device "
        + "cache of units (max_cached_block, LRU and score-decay) changes no result and is not needed here. "
        + "The last token of a prompt is no special case, because question-chunk says how a question is read. As in "
        + "the program, and unlike the paper, a token's score is the attention that it got, not its mean product "
        + "with later queries; choosing by the mean of queries and keys is the same as the paper's sum over both.";
  }

  @Override
  public Set<Promise> promises() {
    return Set.of(Promise.FULL_WHEN_SHORT, Promise.WITHIN_WINDOW, Promise.PREFIX_STABLE);
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.integer(
            "global-size",
            "Tokens at the beginning of the document that are always seen.",
            "128 (a 64th of the trained window, if that is less)",
            limits -> Math.min(128, limits.trainedWindow() / 64),
            0),
        Parameter.integer(
            "local-size",
            "Newest tokens that are seen at their true distance, the token itself included; all else stands at that distance.",
            "4096 (half the trained window, if that is less)",
            limits -> Math.min(4096, limits.trainedWindow() / 2),
            1),
        Parameter.integer(
            "unit-size",
            "Tokens of a memory unit.",
            "128 (a 64th of the trained window, if that is less, but at least 4)",
            InfLlmFactory::defaultUnit,
            1),
        Parameter.integer(
            "units-seen",
            "Memory units that a block sees.",
            "16 (as many as make a quarter of the trained window, if that is less)",
            limits -> Math.min(16, limits.trainedWindow() / 4 / defaultUnit(limits)),
            0),
        Parameter.integer(
            "representative-tokens",
            "Tokens of a memory unit whose keys stand for it.",
            "4; all where units have less than 32 tokens by default",
            limits -> defaultUnit(limits) < SMALL_UNIT ? defaultUnit(limits) : 4L,
            1),
        Parameter.choice(
            "chosen-by",
            "Who chooses: all heads of a block together (block), or each query head for itself (head).",
            "block",
            "block",
            "head"),
        Parameter.integer(
            "chunk-size",
            "Tokens of the document read as one block; they choose units together.",
            "512 (an eighth of the trained window, if that is less)",
            limits -> Math.min(512, limits.trainedWindow() / 8),
            1),
        Parameter.integer(
            "question-chunk",
            "Tokens of the question read as one block; 1 lets each token choose for itself.",
            "1",
            limits -> 1L,
            1));
  }

  private static long defaultUnit(ModelLimits limits) {
    return Math.min(128, Math.max(4, limits.trainedWindow() / 64));
  }

  @Override
  public ContextStrategy create(ParameterValues values, ModelLimits limits) {
    long local = values.integer("local-size");
    new Combination(name())
        .require(
            local <= limits.trainedWindow(),
            "local-size %d exceeds the %d tokens the model was trained on. Lower it.",
            local,
            limits.trainedWindow());
    return new InfLlm(
        new InfLlm.Settings(
            values.integer("global-size"),
            local,
            new InfLlm.Units(
                values.integer("unit-size"),
                Math.toIntExact(values.integer("units-seen")),
                Math.toIntExact(values.integer("representative-tokens")),
                values.choice("chosen-by").equals("head")),
            Math.toIntExact(values.integer("chunk-size")),
            Math.toIntExact(values.integer("question-chunk"))));
  }
}
