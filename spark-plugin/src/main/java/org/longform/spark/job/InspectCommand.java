package org.longform.spark.job;

import java.util.IntSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.ToIntFunction;
import org.longform.feed.ReadingStrategies;
import org.longform.feed.ReadingStrategy;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.context.ContextFactory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Devices;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.LayerShape;
import org.longform.models.LoadedModel;
import org.longform.options.CacheOptions;
import org.longform.options.Options;
import org.longform.runtime.LongformRuntime;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Loads a model and shows what it is, what it needs and how each strategy would read with it. */
@Command
final class InspectCommand implements Callable<Integer> {
  private static final int BITS_PER_BYTE = 8;

  private final CommandContext context;

  @Spec private CommandSpec command;

  InspectCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    Options options = OptionFlags.given(command.commandLine().getParseResult());
    LongformRuntime.validate(options);
    try {
      LoadedModel model = LongformRuntime.model(options);
      show(model, CacheOptions.dtypeOf(options));
      devices(model, options);
      ModelLimits limits = model.decoder().limits();
      for (ContextFactory each : ContextStrategies.ALL) {
        show(
            "context " + each.name(),
            each.description(),
            each.whyUnavailable(limits),
            each.parameters(),
            limits);
      }
      for (ReadingStrategy each : ReadingStrategies.ALL) {
        show(
            "reading " + each.name(),
            each.description(),
            Optional.empty(),
            each.parameters(),
            limits);
      }
    } finally {
      LongformRuntime.shutdown();
    }
    return 0;
  }

  private void show(LoadedModel model, KvDType kvDType) {
    DecoderSpec spec = model.decoder().spec();
    long parameters = spec.parameters();
    line("model", "%s", model.location().name());
    line("path", "%s", model.location().path());
    model.location().adapter().ifPresent(adapter -> line("adapter", "%s", adapter));
    line("revision", "%s", model.revision());
    line(
        "family",
        "%s, %d layers, width %d, %s query and %s key/value heads of %d",
        spec.family(),
        spec.layers(),
        spec.hidden(),
        range(spec, LayerShape::heads),
        range(spec, LayerShape::kvHeads),
        spec.headDim());
    line("parameters", "%,d", parameters);
    line(
        "stored as",
        "%d bits each, %,d bytes in all",
        Math.round((double) model.decoder().mappedBytes() * BITS_PER_BYTE / parameters),
        model.decoder().mappedBytes());
    model.decoder().storageNotes().forEach(sentence -> line("", "%s", sentence));
    line("vocabulary", "%,d tokens", spec.vocabulary());
    line("trained window", "%,d tokens", spec.trainedWindow());
    line(
        "KV cache",
        "%,d bytes for each token as %s",
        model.decoder().kvBytesPerToken(kvDType),
        kvDType);
  }

  /** The device in use, and of each other why not. */
  private void devices(LoadedModel model, Options options) {
    for (DeviceProvider device : Devices.ALL) {
      String name = device.name();
      if (name.equals(model.device())) {
        line(
            "device",
            "%s, %d threads, %,d bytes of its own%s",
            name,
            LongformRuntime.threads(options, device),
            model.decoder().ownedBytes(),
            device.detail().map(detail -> "; " + detail).orElse(""));
      } else {
        line(
            "",
            "not %s: %s",
            name,
            device.whyUnavailable().orElse("it works here, but was not chosen"));
      }
    }
  }

  private void show(
      String strategy,
      String description,
      Optional<String> refusal,
      List<Parameter> parameters,
      ModelLimits limits) {
    context.out().printf("%n%s%n  %s%n", strategy, description);
    refusal.ifPresent(why -> context.out().printf("  not with the defaults: %s%n", why));
    for (Parameter parameter : parameters) {
      String value = String.valueOf(parameter.defaultValue().apply(limits));
      context.out().printf("  --%-20s %s%n", parameter.name(), value.replace("\n", "\\n"));
    }
  }

  private void line(String name, String format, Object... values) {
    context.out().printf("%-16s%s%n", name, String.format(Locale.ROOT, format, values));
  }

  /** A pruned model's layers differ: "4 to 6". */
  private static String range(DecoderSpec spec, ToIntFunction<LayerShape> size) {
    IntSummaryStatistics sizes = spec.layerShapes().stream().mapToInt(size).summaryStatistics();
    return sizes.getMin() == sizes.getMax()
        ? String.valueOf(sizes.getMin())
        : "%d to %d".formatted(sizes.getMin(), sizes.getMax());
  }
}
