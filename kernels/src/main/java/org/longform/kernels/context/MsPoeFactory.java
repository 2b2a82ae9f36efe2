package org.longform.kernels.context;

import java.util.List;
import java.util.Set;

/** The parameters of {@link MsPoe}, their defaults and what does not go together. */
final class MsPoeFactory implements ContextFactory {
  private static final double PUBLISHED_LEAST = 1.2;
  private static final double PUBLISHED_MOST = 1.8;
  private static final double PUBLISHED_OUTLIER = 3;
  private static final long PUBLISHED_LAYER = 2;

  @Override
  public String name() {
    return "ms-poe";
  }

  @Override
  public String description() {
    return "Every token sees every earlier one, and every head divides the positions by a number of its own, so that heads "
        + "look at the document on different scales. Facts in the middle of a prompt are found more evenly, without training. "
        + "Where positions are divided they stay within the trained window up to 1.2 times its length.";
  }

  @Override
  public String whenToUse() {
    return "For prompts of about the trained window whose middle is overlooked. For much longer documents use reattention, "
        + "which keeps all distances within the window.";
  }

  @Override
  public String cost() {
    return "As full attention, and beside it one query for each head, layer and block is compared with all keys: time grows with "
        + "the square of the length, memory linearly, because every token stays cached.";
  }

  @Override
  public String notCopied() {
    return "The published program deals out the divisors by the inverse of the order that the paper states, never reaches the "
        + "largest one, and rotates grouped keys by the divisor of their first query head; here the order is the paper's, "
        + "the table ends at scale-most, and the heads that share keys share a divisor by the mean of their scores. It measures "
        + "the heads once, with the last token of a prompt that it reads in one piece; here every block of several tokens is "
        + "measured with its last one, and the last block of the question decides for the answer. Its option that gives heads "
        + "divisors by their index is left out.";
  }

  @Override
  public String tuning() {
    return "The first layers keep their positions, and the least divisor is 1.2, so beyond the trained window it helps little: the "
        + "bundled model (trained on 512 tokens) answered 100 % at 512, 90 % at 640 and 5 % at 768 tokens, as full attention does "
        + "there. Layers whose heads look back a fixed number of tokens must not be scaled: with scale-from-layer 0 that model "
        + "answered 15 % at 512; with 1 as with 2.";
  }

  @Override
  public String source() {
    return "Zhang et al. 2024, Found in the Middle: How Language Models Use Long Contexts Better via Plug-and-Play "
        + "Positional Encoding (arXiv 2403.04797)";
  }

  @Override
  public Set<Promise> promises() {
    return Set.of(Promise.PREFIX_STABLE);
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.decimal(
            "scale-least",
            "What the head that is most aware of places divides positions by.",
            PUBLISHED_LEAST,
            0),
        Parameter.decimal(
            "scale-most",
            "What the head that is least aware of places divides positions by.",
            PUBLISHED_MOST,
            0),
        Parameter.decimal(
            "outlier-factor",
            "How many times the mean attention a token must get to count for a head's awareness of places: alpha in the paper.",
            PUBLISHED_OUTLIER,
            0),
        Parameter.integer(
            "scale-from-layer",
            "First layer that divides positions, counted from 0.",
            "2",
            limits -> PUBLISHED_LAYER,
            0),
        Parameter.integer(
            "chunk-size",
            "Tokens of the document read as one block; its last token measures the heads.",
            "128",
            limits -> 128L,
            1),
        Parameter.integer(
            "question-chunk",
            "Tokens of the question read as one block; the last token of the last block of several measures the heads "
                + "for the answer.",
            "512",
            limits -> 512L,
            1));
  }

  @Override
  public ContextStrategy create(ParameterValues values, ModelLimits limits) {
    double least = values.decimal("scale-least");
    double most = values.decimal("scale-most");
    new Combination(name())
        .require(
            least > 0 && least <= most,
            "scale-least %s must be above 0 and at most scale-most %s. Change one of them.",
            least,
            most);
    return new MsPoe(
        new MsPoe.Settings(
            least,
            most,
            values.decimal("outlier-factor"),
            values.integer("scale-from-layer"),
            Math.toIntExact(values.integer("chunk-size")),
            Math.toIntExact(values.integer("question-chunk"))));
  }
}
