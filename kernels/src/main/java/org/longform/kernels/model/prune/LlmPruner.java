package org.longform.kernels.model.prune;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.method.Method;
import org.longform.kernels.model.StoredModel;

/**
 * {@link Pruning} as users choose it: its parameters, their defaults and what follows from them.
 */
public final class LlmPruner implements Method {
  public static final String IMPORTANCE = "importance";
  public static final String SAMPLES = "samples";
  public static final String SAMPLE_TOKENS = "sample-tokens";
  public static final String SEED = "seed";

  private static final String MODE = "mode";
  private static final String KEEP_LAYERS = "keep-layers";
  private static final String RATIO = "ratio";
  private static final String LAYERS = "layers";
  private static final String ATTENTION_LAYERS = "attention-layers";
  private static final String MLP_LAYERS = "mlp-layers";
  private static final String AGGREGATE = "aggregate";
  private static final String RANKING = "ranking";
  private static final String ITERATIONS = "iterations";

  /** The mode that {@link Pruning#firstLayers} does: it ranks nothing. */
  private static final String FIRST_LAYERS = "layer";

  private static final Pattern RANGE = Pattern.compile("(\\d{1,6})-(\\d{1,6})");
  private static final String NO_LAYER = "none";

  @Override
  public String name() {
    return "llm-pruner";
  }

  @Override
  public String description() {
    return "Whole key/value heads, each with its query heads, and whole feed-forward channels go "
        + "with every row and column that belongs to them, so that what is left is an ordinary "
        + "model with fewer heads and channels in some layers. What goes is what matters least: by "
        + "the size of its weights, or by how much the loss on a short text would change without "
        + "it, to the first or the second order of a Taylor series. Dimensions of the residual "
        + "stream, or the last layers, can go instead.";
  }

  @Override
  public String whenToUse() {
    return "For a model that must be smaller or faster in memory, cache and time alike, and that "
        + "can be tuned again: without that every part that goes costs quality. If only memory "
        + "counts, quantisation costs less.";
  }

  @Override
  public String cost() {
    return "Once, before the model is used: l1, l2 and random read the weights; the others take a "
        + "forward and a backward pass of the samples in float64 on the processor, and the memory "
        + "of one layer's weights at 32 bytes each. At run time nothing; the cache shrinks with "
        + "the heads.";
  }

  @Override
  public String source() {
    return "Ma et al. 2023, LLM-Pruner (arXiv 2305.11627); github.com/horseee/LLM-Pruner";
  }

  @Override
  public String notCopied() {
    return "The published code adds up different dimensions of the query heads that share a key "
        + "head, and takes another matrix's gradient for the mixed importance of heads; here both "
        + "follow the paper. It saves pickled modules, which nobody should load; here the sizes of "
        + "each layer and what was kept stand in config.json. With global ranking heads compete "
        + "with heads and channels with channels, since the sum of a head and that of a channel "
        + "are no numbers of one kind. The tuning that follows is another program's; its LoRA "
        + "adapter is merged with merge-lora.";
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.choice(
            MODE,
            "What goes: heads and feed-forward channels of layers (block), dimensions of the residual "
                + "stream through the whole model (channel), or all layers but the first keep-layers "
                + "(layer).",
            "block",
            "block",
            "channel",
            FIRST_LAYERS),
        Parameter.integer(KEEP_LAYERS, "How many layers mode layer keeps.", "12", limits -> 12L, 1),
        Parameter.choice(
            IMPORTANCE,
            "By what units are compared; those that begin with taylor need a calibration text.",
            Importance.TAYLOR_FIRST.word(),
            Importance.words().toArray(new String[0])),
        Parameter.decimal(
            RATIO,
            "Part of the heads and of the feed-forward channels of the layers that goes, below 1; of "
                + "heads only whole ones.",
            0.25,
            0),
        Parameter.text(
            LAYERS,
            "Layers to prune, from 0, both ends included, such as 4-29, or none.",
            "all but the first eighth and the last sixteenth, which are 4-29 of 32",
            ""),
        Parameter.text(ATTENTION_LAYERS, "Layers whose heads are pruned.", "those of layers", ""),
        Parameter.text(
            MLP_LAYERS, "Layers whose feed-forward channels are pruned.", "those of layers", ""),
        Parameter.choice(
            AGGREGATE,
            "How the importances of the matrices that a unit has rows or columns in become one.",
            "sum",
            Aggregate.words().toArray(new String[0])),
        Parameter.choice(
            RANKING,
            "Whether the units of each layer are ranked among themselves (local), or the heads of all "
                + "layers together, and the channels of all layers (global).",
            "local",
            "local",
            "global"),
        Parameter.integer(
            ITERATIONS,
            "Equal steps to prune in, with importances computed anew for each.",
            "1",
            limits -> 1L,
            1),
        Parameter.integer(
            SAMPLES,
            "Samples of the calibration text, cut at random places.",
            "10",
            limits -> 10L,
            1),
        Parameter.integer(SAMPLE_TOKENS, "Tokens of a sample.", "64", limits -> 64L, 2),
        Parameter.integer(
            SEED, "Seed of the places and of random importances.", "42", limits -> 42L, 0));
  }

  /**
   * The values of its parameters: what the user gave, else the defaults.
   *
   * @throws LongformException INVALID_OPTION
   */
  public ParameterValues values(Map<String, String> given, ModelLimits limits) {
    ParameterValues values = ParameterValues.resolve("method", name(), parameters(), given, limits);
    // refused before a text is asked for, or read
    List.of(LAYERS, ATTENTION_LAYERS, MLP_LAYERS)
        .forEach(layers -> range(values, layers, LayerRange.NONE));
    return values;
  }

  /** Whether the values ask for gradients, which take texts to compute. */
  public boolean isCalibrated(ParameterValues values) {
    return !values.choice(MODE).equals(FIRST_LAYERS)
        && importance(values).needs() == Importance.Needs.GRADIENTS;
  }

  /**
   * What is to be done with a model: it answers one that takes the place of the given one.
   *
   * @param samples token ids of the calibration texts; may be empty where {@link #isCalibrated}
   *     does not hold
   * @param limits of the model
   * @throws LongformException INVALID_OPTION
   */
  public UnaryOperator<StoredModel> change(
      ParameterValues values, ModelLimits limits, List<int[]> samples) {
    String mode = values.choice(MODE);
    if (mode.equals(FIRST_LAYERS)) {
      int kept = Math.toIntExact(values.integer(KEEP_LAYERS));
      return model -> Pruning.firstLayers(model, kept);
    }
    LayerRange both = range(values, LAYERS, LayerRange.usual(limits.layers()));
    Pruning pruning =
        new Pruning(
            new PruneOptions(
                PruneOptions.Mode.valueOf(mode.toUpperCase(Locale.ROOT)),
                importance(values),
                Aggregate.valueOf(values.choice(AGGREGATE).toUpperCase(Locale.ROOT)),
                values.decimal(RATIO),
                range(values, ATTENTION_LAYERS, both),
                range(values, MLP_LAYERS, both),
                PruneOptions.Ranking.valueOf(values.choice(RANKING).toUpperCase(Locale.ROOT)),
                Math.toIntExact(values.integer(ITERATIONS)),
                values.integer(SEED)),
            samples);
    return pruning::apply;
  }

  private static Importance importance(ParameterValues values) {
    return Arrays.asList(Importance.values())
        .get(Importance.words().indexOf(values.choice(IMPORTANCE)));
  }

  private LayerRange range(ParameterValues values, String name, LayerRange otherwise) {
    String text = values.text(name);
    if (text.isEmpty()) {
      return otherwise;
    }
    if (text.equals(NO_LAYER)) {
      return LayerRange.NONE;
    }
    Matcher matcher = RANGE.matcher(text);
    if (matcher.matches()) {
      LayerRange range =
          new LayerRange(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
      if (range.first() <= range.last()) {
        return range;
      }
    }
    throw new LongformException(
        ErrorClass.INVALID_OPTION,
        "Cannot use '%s' of method '%s': expected the first and the last layer, such as 4-29, or none (value '%s'). Change it or leave it out."
            .formatted(name, name(), text));
  }
}
