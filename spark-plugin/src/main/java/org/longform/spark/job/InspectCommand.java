package org.longform.spark.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.longform.feed.ReadingStrategies;
import org.longform.feed.ReadingStrategy;
import org.longform.kernels.context.ContextFactory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Devices;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.models.ModelReport;
import org.longform.options.CacheOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Options;
import org.longform.runtime.LongformRuntime;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Shows what a model is, what it needs and how each strategy would read with it, from its metadata
 * and the headers of its files: nothing is loaded, and what cannot be read is told as a list.
 */
@Command
final class InspectCommand implements Callable<Integer> {
  private static final org.longform.options.Option<Long> MEMORY =
      org.longform.options.Option.bytes("memory")
          .doc("Memory for the weights and for the keys and values of one document.")
          .defaultText("that of the process")
          .optional();

  private final CommandContext context;

  @Spec private CommandSpec command;

  @Option(
      names = "--memory",
      paramLabel = "<size>",
      order = -20,
      description =
          "Tell how long a document each strategy reads with so much memory for the weights and the"
              + " keys and values of one document, such as 8g. Default: the memory that keys and"
              + " values may take here, the weights beside it.")
  private String memory;

  @Option(names = "--json", order = -19, description = "Write one JSON object.")
  private boolean json;

  InspectCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    Options options = OptionFlags.given(command.commandLine().getParseResult());
    Optional<Long> given = Optional.ofNullable(memory).map(size -> MEMORY.parse("--memory", size));
    ModelReport report = ModelReport.of(LongformRuntime.location(options));
    List<String> unsupported = new ArrayList<>(report.problems());
    Optional<DeviceProvider> device = device(options, unsupported);
    InspectedModel model =
        new InspectedModel(
            report,
            device,
            report.spec().map(DecoderSpec::parameters),
            room(report, device, given, options, unsupported),
            LongformRuntime.complete(options));
    if (json) {
      context.out().println(text(model.json(unsupported)));
    } else {
      model.lines().forEach(line -> line(line.name(), line.text()));
      devices(device, options);
      line("not supported", unsupported.isEmpty() ? "nothing is missing" : unsupported.get(0));
      unsupported.stream().skip(1).forEach(problem -> line("", problem));
      report.spec().ifPresent(spec -> strategies(model, spec.limits()));
    }
    return 0;
  }

  private static Optional<DeviceProvider> device(Options options, List<String> problems) {
    try {
      return Optional.of(
          Devices.choose(LongformRuntime.complete(options).get(ModelOptions.DEVICE)));
    } catch (LongformException e) {
      problems.add(e.getMessage());
      return Optional.empty();
    }
  }

  /** Bytes for the keys and values of one document. */
  private static long room(
      ModelReport report,
      Optional<DeviceProvider> device,
      Optional<Long> given,
      Options options,
      List<String> problems) {
    Optional<Long> all = given.or(() -> memoryOf(device, options));
    if (all.isEmpty()) {
      return LongformRuntime.kvBudgetBytes(options);
    }
    long weights = InspectedModel.weightBytes(report, device);
    if (weights > all.get()) {
      problems.add(
          "the weights take %,d bytes, more than the memory of %,d bytes"
              .formatted(weights, all.get()));
    }
    return all.get() == Long.MAX_VALUE ? all.get() : Math.max(0, all.get() - weights);
  }

  /**
   * What weights have to share with keys and values: a device's own memory, if nobody said less.
   */
  private static Optional<Long> memoryOf(Optional<DeviceProvider> device, Options options) {
    return device
        .filter(each -> !LongformRuntime.complete(options).isSet(CacheOptions.KV_MEMORY))
        .flatMap(each -> each.memoryBytes().stream().boxed().findFirst());
  }

  private static String text(Map<String, Object> values) {
    try {
      return new ObjectMapper()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .writeValueAsString(values);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The device that would serve, and of each other why not. */
  private void devices(Optional<DeviceProvider> chosen, Options options) {
    chosen.ifPresent(
        device ->
            line(
                "device",
                "%s, %d threads%s"
                    .formatted(
                        device.name(),
                        LongformRuntime.threads(LongformRuntime.complete(options), device),
                        device.detail().map(detail -> "; " + detail).orElse(""))));
    for (DeviceProvider other : Devices.ALL) {
      if (chosen.isEmpty() || !other.name().equals(chosen.get().name())) {
        line(
            "",
            "not %s: %s"
                .formatted(
                    other.name(),
                    other.whyUnavailable().orElse("it works here, but was not chosen")));
      }
    }
  }

  private void strategies(InspectedModel model, ModelLimits limits) {
    for (ContextFactory each : ContextStrategies.ALL) {
      show("context " + each.name(), each.description(), each.parameters(), limits);
      context.out().printf("  %s%n", model.longest(each).sentence());
    }
    for (ReadingStrategy each : ReadingStrategies.ALL) {
      show("reading " + each.name(), each.description(), each.parameters(), limits);
    }
  }

  private void show(
      String strategy, String description, List<Parameter> parameters, ModelLimits limits) {
    context.out().printf("%n%s%n  %s%n", strategy, description);
    for (Parameter parameter : parameters) {
      String value = String.valueOf(parameter.defaultValue().apply(limits));
      context.out().printf("  --%-20s %s%n", parameter.name(), value.replace("\n", "\\n"));
    }
  }

  private void line(String name, String text) {
    context.out().printf(Locale.ROOT, "%-16s%s%n", name, text);
  }
}
