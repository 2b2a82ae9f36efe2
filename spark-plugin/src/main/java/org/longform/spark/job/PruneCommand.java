package org.longform.spark.job;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.model.prune.Aggregate;
import org.longform.kernels.model.prune.Importance;
import org.longform.kernels.model.prune.LayerRange;
import org.longform.kernels.model.prune.PruneOptions;
import org.longform.kernels.model.prune.Pruning;
import org.longform.models.CalibrationText;
import org.longform.models.ModelChange;
import org.longform.models.ModelLocation;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes a model without its least important heads and feed-forward channels (LLM-Pruner). */
final class PruneCommand implements Callable<Integer> {
  private static final Pattern RANGE = Pattern.compile("(\\d{1,6})-(\\d{1,6})");
  private static final String NONE = "none";

  private final CommandContext context;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "<path>",
      order = -20,
      description = "The model: a Hugging Face directory, a .gguf file or a bundled model's name.")
  private String model;

  @Option(
      names = "--mode",
      defaultValue = "block",
      paramLabel = "<name>",
      order = -19,
      description =
          "What goes: block (heads and feed-forward channels of layers), channel (dimensions of the"
              + " residual stream through the whole model) or layer (all but the first --keep-layers)."
              + " Default: block.")
  private String mode;

  @Option(
      names = "--keep-layers",
      defaultValue = "12",
      paramLabel = "<n>",
      order = -6,
      description = "How many layers --mode layer keeps. Default: 12.")
  private int keptLayers;

  @Option(
      names = "--importance",
      defaultValue = "taylor-first",
      paramLabel = "<name>",
      order = -18,
      description =
          "By what units are compared: l1, l2, random, taylor-first, taylor-second, taylor-mix or"
              + " taylor-vector; those that begin with taylor need --calibration. Default:"
              + " taylor-first.")
  private String importance;

  @Option(
      names = "--ratio",
      defaultValue = "0.25",
      paramLabel = "<x>",
      order = -17,
      description =
          "Part of the heads and of the feed-forward channels of the layers that goes; of heads"
              + " only whole ones. Default: 0.25.")
  private double ratio;

  @Option(
      names = "--layers",
      paramLabel = "<a-b>",
      order = -16,
      description =
          "Layers to prune, from 0, both ends included, or none. Default: all but the first eighth"
              + " and the last sixteenth, which are 4-29 of 32.")
  private String layers;

  @Option(
      names = "--attention-layers",
      paramLabel = "<a-b>",
      order = -15,
      description = "Layers whose heads are pruned. Default: --layers.")
  private String attentionLayers;

  @Option(
      names = "--mlp-layers",
      paramLabel = "<a-b>",
      order = -14,
      description = "Layers whose feed-forward channels are pruned. Default: --layers.")
  private String mlpLayers;

  @Option(
      names = "--aggregate",
      defaultValue = "sum",
      paramLabel = "<name>",
      order = -13,
      description =
          "How the importances of the matrices that a unit has rows or columns in become one: sum,"
              + " prod, max, first or last. Default: sum.")
  private String aggregate;

  @Option(
      names = "--global",
      order = -12,
      description =
          "Rank the heads of all layers together, and the channels of all layers, instead of layer"
              + " by layer.")
  private boolean global;

  @Option(
      names = "--iterations",
      defaultValue = "1",
      paramLabel = "<n>",
      order = -11,
      description =
          "Prune in so many equal steps, with importances computed anew for each. Default: 1.")
  private int iterations;

  @Option(
      names = "--calibration",
      paramLabel = "<file>",
      order = -10,
      description = "A text, UTF-8, that the gradients are computed on.")
  private Path calibration;

  @Option(
      names = "--samples",
      defaultValue = "10",
      paramLabel = "<n>",
      order = -9,
      description = "Samples of the text, cut at random places. Default: 10.")
  private int samples;

  @Option(
      names = "--sample-tokens",
      defaultValue = "64",
      paramLabel = "<n>",
      order = -8,
      description = "Tokens of a sample. Default: 64.")
  private int sampleTokens;

  @Option(
      names = "--seed",
      defaultValue = "42",
      paramLabel = "<n>",
      order = -7,
      description = "Seed of the places and of random importances. Default: 42.")
  private long seed;

  @Mixin private ChangedModelArguments written;

  PruneCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws IOException {
    Arguments.positive("--samples", samples);
    Arguments.atLeast("--sample-tokens", sampleTokens, 2);
    Arguments.positive("--iterations", iterations);
    ModelLocation location = ModelLocation.resolve(model);
    DecoderSpec before = StoredModel.spec(location.path());
    UnaryOperator<StoredModel> change = change(location, before.layers());
    AtomicReference<DecoderSpec> after = new AtomicReference<>();
    ModelChange.run(
            written.request(location),
            stored -> {
              StoredModel pruned = change.apply(stored);
              after.set(pruned.spec());
              return pruned;
            })
        .ifPresent(note -> context.err().println("Note: " + note + "."));
    report(before, after.get());
    return 0;
  }

  private UnaryOperator<StoredModel> change(ModelLocation location, int depth) {
    String known = mode.toLowerCase(Locale.ROOT);
    if (known.equals("layer")) {
      return stored -> Pruning.firstLayers(stored, keptLayers);
    }
    PruneOptions options =
        options(
            chosen(
                "--mode", known, List.of("block", "channel", "layer"), PruneOptions.Mode.values()),
            depth);
    Pruning pruning = new Pruning(options, samples(options, location));
    return pruning::apply;
  }

  private PruneOptions options(PruneOptions.Mode units, int depth) {
    LayerRange both = layers == null ? LayerRange.usual(depth) : range("--layers", layers);
    return new PruneOptions(
        units,
        chosen("--importance", importance, Importance.words(), Importance.values()),
        chosen("--aggregate", aggregate, Aggregate.words(), Aggregate.values()),
        ratio,
        attentionLayers == null ? both : range("--attention-layers", attentionLayers),
        mlpLayers == null ? both : range("--mlp-layers", mlpLayers),
        global ? PruneOptions.Ranking.GLOBAL : PruneOptions.Ranking.LOCAL,
        iterations,
        seed);
  }

  private List<int[]> samples(PruneOptions options, ModelLocation location) {
    if (options.importance().needs() == Importance.Needs.WEIGHTS) {
      return List.of();
    }
    if (calibration == null) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot prune by %s: its gradients need a text. Give --calibration, or --importance l2."
              .formatted(importance));
    }
    return new CalibrationText(calibration, samples, sampleTokens, seed).tokenize(location);
  }

  private static LayerRange range(String flag, String text) {
    if (text.equals(NONE)) {
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
        "Cannot use option '%s': expected the first and the last layer, such as 4-29, or none (%s). Change it or leave it out."
            .formatted(flag, text));
  }

  private static <T> T chosen(String flag, String word, List<String> words, T[] values) {
    int at = words.indexOf(word.toLowerCase(Locale.ROOT));
    if (at < 0) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '%s': '%s' is unknown (known: %s). Change it or leave it out."
              .formatted(flag, word, String.join(", ", words)));
    }
    return Arrays.asList(values).get(at);
  }

  private void report(DecoderSpec before, DecoderSpec after) throws IOException {
    long parameters = InspectCommand.parameters(before);
    long left = InspectCommand.parameters(after);
    context
        .out()
        .printf(
            Locale.ROOT,
            "Pruned %s: %,d of %,d parameters are left (%.1f %%), %,d of %,d bytes of keys and"
                + " values a token, %,d bytes: %s%n",
            model,
            left,
            parameters,
            100.0 * left / parameters,
            after.kvShape(KvDType.F16).bytesPerToken(),
            before.kvShape(KvDType.F16).bytesPerToken(),
            written.bytes(),
            written.target());
    for (int layer = 0; layer < after.layers(); layer++) {
      context
          .out()
          .printf(
              Locale.ROOT,
              "  layer %2d: %d of %d query heads, %d of %d key/value heads, %,d of %,d channels%n",
              layer,
              after.layer(layer).heads(),
              before.layer(layer).heads(),
              after.layer(layer).kvHeads(),
              before.layer(layer).kvHeads(),
              after.intermediate(layer),
              before.intermediate(layer));
    }
  }
}
