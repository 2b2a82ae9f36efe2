package org.longform.spark.job;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.device.Devices;
import org.longform.kernels.quantise.QuantisationMethod;
import org.longform.kernels.quantise.QuantisationMethods;
import org.longform.models.ModelQuantisation;
import org.longform.models.QuantisationRequest;
import org.longform.runtime.LongformRuntime;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Writes a model whose layers have weights of few bits, by a method chosen for it. */
@Command
final class QuantizeCommand implements Callable<Integer> {
  private final CommandContext context;

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
      names = "--method",
      required = true,
      paramLabel = "<name>",
      order = -19,
      description = "How: rtn, gptq, awq, smoothquant or nf4; kernels/STRATEGIES.md tells each.")
  private String method;

  @Mixin private TargetArguments written;

  @Option(
      names = "--calibration",
      paramLabel = "<file>",
      order = -17,
      description =
          "A text, or a .jsonl file with a text in each line, of the kind that the model will"
              + " read; for gptq, awq and smoothquant.")
  private Path calibration;

  @Option(
      names = "--other-dtype",
      defaultValue = "f16",
      paramLabel = "<type>",
      order = -16,
      description =
          "Type of the embedding and of the matrix that makes the logits: f32, f16, bf16, and for"
              + " .gguf q8_0, q6_k. Default: f16.")
  private String otherDtype;

  @Option(
      names = "--device",
      defaultValue = Devices.AUTO,
      paramLabel = "<name>",
      order = -15,
      description = "The device that reads the calibration text. Default: auto.")
  private String device;

  QuantizeCommand(CommandContext context) {
    this.context = context;
  }

  /** A flag for each parameter of each method. */
  static MethodFlags flags() {
    Map<String, List<Parameter>> parameters = new LinkedHashMap<>();
    QuantisationMethods.ALL.forEach(each -> parameters.put(each.name(), each.parameters()));
    return new MethodFlags(parameters);
  }

  @Override
  public Integer call() throws IOException {
    QuantisationMethod chosen = QuantisationMethods.byName(method);
    ModelQuantisation.Outcome outcome =
        ModelQuantisation.run(
            new QuantisationRequest(
                LongformRuntime.find(model),
                written.target(),
                written.ifExists(),
                chosen,
                flags().given(command.commandLine().getParseResult()),
                Optional.ofNullable(calibration),
                WeightTypes.named("--other-dtype", otherDtype),
                device),
            layer -> context.err().printf(Locale.ROOT, "Layer %d is quantised%n", layer + 1));
    outcome.notes().forEach(note -> context.err().println("Note: " + note + "."));
    context.out().printf("%s. Parameters: %s%n", outcome.storage(), outcome.parameters());
    context
        .out()
        .printf(
            Locale.ROOT,
            "Wrote %s by %s, %,d bytes: %s%n",
            model,
            method,
            written.bytes(),
            written.target());
    return 0;
  }
}
