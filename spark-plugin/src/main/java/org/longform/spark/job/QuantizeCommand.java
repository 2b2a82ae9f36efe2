package org.longform.spark.job;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.device.Devices;
import org.longform.kernels.quantise.QuantisationMethod;
import org.longform.kernels.quantise.QuantisationMethods;
import org.longform.models.ModelLocation;
import org.longform.models.ModelQuantisation;
import org.longform.models.QuantisationRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
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
      description = "The model: a Hugging Face directory, a .gguf file or a bundled model's name.")
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

  /** Adds a flag for each parameter; methods that mean the same share it. */
  static void addFlags(CommandSpec command) {
    Map<String, List<QuantisationMethod>> methods = new LinkedHashMap<>();
    for (QuantisationMethod each : QuantisationMethods.ALL) {
      for (Parameter parameter : each.parameters()) {
        methods.computeIfAbsent(parameter.name(), name -> new ArrayList<>()).add(each);
      }
    }
    methods.forEach((name, sharing) -> command.addOption(flag(name, sharing)));
  }

  private static OptionSpec flag(String name, List<QuantisationMethod> sharing) {
    Map<String, List<String>> methodsOfText = new LinkedHashMap<>();
    for (QuantisationMethod each : sharing) {
      Parameter parameter = parameter(each, name);
      String values =
          parameter.choices().isEmpty()
              ? ""
              : " One of %s;".formatted(String.join(", ", parameter.choices()));
      String text = "%s%s default: %s.".formatted(parameter.doc(), values, parameter.defaultText());
      methodsOfText.computeIfAbsent(text, key -> new ArrayList<>()).add(each.name());
    }
    return OptionSpec.builder("--" + name)
        .type(String.class)
        .paramLabel("<value>")
        .order(0)
        // a percent sign would begin a format of picocli
        .description(
            methodsOfText.entrySet().stream()
                .map(
                    entry ->
                        "(%s) %s".formatted(String.join(", ", entry.getValue()), entry.getKey()))
                .collect(Collectors.joining(" "))
                .replace("%", "%%"))
        .build();
  }

  private static Parameter parameter(QuantisationMethod method, String name) {
    return method.parameters().stream()
        .filter(each -> each.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @Override
  public Integer call() throws IOException {
    QuantisationMethod chosen = QuantisationMethods.byName(method);
    ModelQuantisation.Outcome outcome =
        ModelQuantisation.run(
            new QuantisationRequest(
                ModelLocation.resolve(model),
                written.target(),
                written.ifExists(),
                chosen,
                given(),
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

  private Map<String, String> given() {
    Map<String, String> given = new TreeMap<>();
    for (QuantisationMethod each : QuantisationMethods.ALL) {
      for (Parameter parameter : each.parameters()) {
        OptionSpec matched =
            command.commandLine().getParseResult().matchedOption("--" + parameter.name());
        if (matched != null) {
          given.put(parameter.name(), matched.getValue());
        }
      }
    }
    return given;
  }
}
