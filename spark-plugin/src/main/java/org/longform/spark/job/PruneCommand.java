package org.longform.spark.job;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.model.prune.LlmPruner;
import org.longform.models.CalibrationText;
import org.longform.models.ModelChange;
import org.longform.models.ModelLocation;
import org.longform.runtime.LongformRuntime;
import org.longform.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Writes a model without its least important heads and feed-forward channels (LLM-Pruner). */
@Command
final class PruneCommand implements Callable<Integer> {
  private final CommandContext context;
  private final LlmPruner pruner = new LlmPruner();

  @Spec private CommandSpec command;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "<path>",
      order = -20,
      description =
          "The model: a Hugging Face directory, a .gguf file, or the name of one of the hub"
              + " (org/name) or of a bundled one.")
  private String model;

  @Option(
      names = "--calibration",
      paramLabel = "<file>",
      order = -10,
      description =
          "A text, or a .jsonl file with a text in each line, of the kind that the model will"
              + " read; for importances that begin with taylor.")
  private Path calibration;

  @Mixin private ChangedModelArguments written;

  PruneCommand(CommandContext context) {
    this.context = context;
  }

  /** A flag for each parameter of the method. */
  static MethodFlags flags() {
    LlmPruner pruner = new LlmPruner();
    return new MethodFlags(Map.of(pruner.name(), pruner.parameters()));
  }

  @Override
  public Integer call() throws IOException {
    ModelLocation location = LongformRuntime.find(model);
    DecoderSpec before = StoredModel.spec(location.path());
    ModelLimits limits = before.limits();
    ParameterValues values =
        pruner.values(flags().given(command.commandLine().getParseResult()), limits);
    List<int[]> samples = samples(values, location, before.vocabulary());
    UnaryOperator<StoredModel> change = pruner.change(values, limits, samples);
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

  private List<int[]> samples(ParameterValues values, ModelLocation location, int vocabulary) {
    if (!pruner.isCalibrated(values)) {
      return List.of();
    }
    if (calibration == null) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot prune by %s: its gradients need a text. Give --calibration, or --importance l2."
              .formatted(values.choice(LlmPruner.IMPORTANCE)));
    }
    try (Tokenizer tokenizer = Tokenizer.load(location.path())) {
      return new CalibrationText(calibration, tokenizer, vocabulary)
          .atRandom(
              Math.toIntExact(values.integer(LlmPruner.SAMPLES)),
              Math.toIntExact(values.integer(LlmPruner.SAMPLE_TOKENS)),
              values.integer(LlmPruner.SEED));
    }
  }

  private void report(DecoderSpec before, DecoderSpec after) throws IOException {
    long parameters = before.parameters();
    long left = after.parameters();
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
