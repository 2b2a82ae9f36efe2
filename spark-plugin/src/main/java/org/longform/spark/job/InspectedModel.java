package org.longform.spark.job;

import java.util.ArrayList;
import java.util.IntSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToIntFunction;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.context.ContextFactory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.LayerShape;
import org.longform.kernels.weights.TensorList;
import org.longform.models.ModelReport;
import org.longform.options.CacheOptions;
import org.longform.options.ContextOptions;
import org.longform.options.Options;
import org.longform.prompt.TemplateKind;
import org.longform.tokenizer.TokenizerKind;

/**
 * What is told of a model that is not loaded, as lines and as JSON.
 *
 * @param device that would serve it, if one does
 * @param parameters numbers in its weights, for a model that can be read
 * @param room bytes for the keys and values of one document
 * @param options with what holds for the process
 */
record InspectedModel(
    ModelReport report,
    Optional<DeviceProvider> device,
    Optional<Long> parameters,
    long room,
    Options options) {
  private static final int BITS_PER_BYTE = 8;

  /** One line of the text; without a name it goes on with what the one before said. */
  record Line(String name, String text) {
    private static Line of(String name, String format, Object... values) {
      return new Line(name, String.format(Locale.ROOT, format, values));
    }
  }

  /** Bytes that the weights take on a device: those of the files, and what it adds. */
  static long weightBytes(ModelReport report, Optional<DeviceProvider> device) {
    return fileBytes(report) + device.map(each -> ownBytes(report, each)).orElse(0L);
  }

  private static long fileBytes(ModelReport report) {
    return report.weights().map(TensorList::bytes).orElseGet(() -> report.location().bytes());
  }

  private static long ownBytes(ModelReport report, DeviceProvider device) {
    return report.weights().map(TensorList::tensors).orElse(List.of()).stream()
        .filter(tensor -> tensor.dtype().isPresent())
        .mapToLong(tensor -> device.ownBytes(tensor.dtype().get(), tensor.shape()))
        .sum();
  }

  List<Line> lines() {
    List<Line> lines = new ArrayList<>();
    lines.add(Line.of("model", "%s", report.location().name()));
    lines.add(Line.of("path", "%s", report.location().path()));
    report.location().adapter().ifPresent(adapter -> lines.add(Line.of("adapter", "%s", adapter)));
    lines.add(Line.of("revision", "%s", report.revision()));
    report.weights().ifPresent(list -> lines.add(Line.of("format", "%s", list.format())));
    report.spec().ifPresent(spec -> shape(spec, lines));
    stored(lines);
    report.spec().ifPresent(spec -> needs(spec, lines));
    lines.add(
        Line.of(
            "tokenizer",
            "%s",
            report.tokenizer().map(InspectedModel::tokenizer).orElse("cannot be used, see below")));
    lines.add(
        Line.of(
            "chat template",
            "%s",
            report.template().map(InspectedModel::template).orElse("cannot be used, see below")));
    return lines;
  }

  private void shape(DecoderSpec spec, List<Line> lines) {
    lines.add(
        Line.of(
            "family",
            "%s, %d layers, width %d, %s query and %s key/value heads of %d",
            spec.family(),
            spec.layers(),
            spec.hidden(),
            range(spec, LayerShape::heads),
            range(spec, LayerShape::kvHeads),
            spec.headDim()));
    parameters.ifPresent(count -> lines.add(Line.of("parameters", "%,d", count)));
  }

  private void stored(List<Line> lines) {
    long bytes = fileBytes(report);
    String density =
        parameters
            .map(
                count ->
                    "%d bits each, ".formatted(Math.round((double) bytes * BITS_PER_BYTE / count)))
            .orElse("");
    lines.add(Line.of("stored as", "%s%,d bytes in all", density, bytes));
    for (ModelReport.StoredAs type : report.storedAs()) {
      lines.add(
          Line.of(
              "",
              "%s: %,d tensors with %,d numbers, %,d bytes",
              type.type(),
              type.tensors(),
              type.numbers(),
              type.bytes()));
    }
    report.storage().forEach(sentence -> lines.add(Line.of("", "%s", sentence)));
    device.ifPresent(
        each ->
            lines.add(
                Line.of(
                    "weights",
                    "%,d bytes on device %s: the files, and %,d bytes of its own",
                    weightBytes(report, device),
                    each.name(),
                    ownBytes(report, each))));
  }

  private void needs(DecoderSpec spec, List<Line> lines) {
    lines.add(Line.of("vocabulary", "%,d tokens", spec.vocabulary()));
    lines.add(Line.of("trained window", "%,d tokens", spec.trainedWindow()));
    lines.add(Line.of("positions", "%s", positions(spec)));
    String name = "KV cache";
    for (KvDType dtype : KvDType.values()) {
      lines.add(
          Line.of(
              name, "%,d bytes for each token as %s", spec.kvShape(dtype).bytesPerToken(), dtype));
      name = "";
    }
    lines.add(
        Line.of(
            "",
            "%s for one document",
            room == Long.MAX_VALUE ? "unlimited" : "%,d bytes".formatted(room)));
  }

  private static String positions(DecoderSpec spec) {
    if (spec.rope().rotaryDims() == 0) {
      return "linear biases";
    }
    return "rotary, %d of %d dimensions, base %s, scaling %s"
        .formatted(
            spec.rope().rotaryDims(),
            spec.headDim(),
            Double.toString(spec.rope().theta()).replaceFirst("\\.0$", ""),
            scaling(spec));
  }

  private static String scaling(DecoderSpec spec) {
    return spec.rope().scaling().getClass().getSimpleName().toLowerCase(Locale.ROOT);
  }

  private static String tokenizer(TokenizerKind kind) {
    return "%s, %,d tokens, %,d of them special; begins texts with %s, ends them with %s"
        .formatted(
            kind.kind(),
            kind.vocabulary(),
            kind.specialTokens(),
            kind.bosToken().orElse("nothing"),
            kind.eosToken().orElse("nothing"));
  }

  private static String template(TemplateKind kind) {
    return kind.source()
        .map(
            source ->
                "from %s; a system prompt %s"
                    .formatted(
                        source,
                        kind.systemPrompts()
                            ? "has a place of its own"
                            : "stands before the document"))
        .orElse("none; prompts are plain");
  }

  /** A pruned model's layers differ: "4 to 6". */
  private static String range(DecoderSpec spec, ToIntFunction<LayerShape> size) {
    IntSummaryStatistics sizes = spec.layerShapes().stream().mapToInt(size).summaryStatistics();
    return sizes.getMin() == sizes.getMax()
        ? String.valueOf(sizes.getMin())
        : "%d to %d".formatted(sizes.getMin(), sizes.getMax());
  }

  /**
   * How long a document a strategy reads in this memory; the one that the options name with its
   * parameters, the others with their defaults.
   */
  LongestDocument longest(ContextFactory factory) {
    DecoderSpec spec = report.spec().orElseThrow();
    boolean chosen = factory.name().equals(options.get(ContextOptions.CONTEXT));
    return LongestDocument.of(
        factory,
        chosen ? ContextOptions.parametersOf(options) : Map.of(),
        spec.limits(),
        spec.kvShape(CacheOptions.dtypeOf(options)).bytesPerToken(),
        room);
  }

  Map<String, Object> json(List<String> unsupported) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("model", report.location().name());
    json.put("path", report.location().path().toString());
    json.put("revision", report.revision());
    json.put("format", report.weights().map(TensorList::format).orElse(null));
    report.spec().ifPresent(spec -> shape(spec, json));
    json.put("parameters", parameters.orElse(null));
    json.put("stored_as", report.storedAs());
    json.put("storage", report.storage());
    json.put("file_bytes", fileBytes(report));
    device.ifPresent(
        each -> {
          json.put("device", each.name());
          json.put("weight_bytes", weightBytes(report, device));
        });
    json.put("kv_memory_bytes", room == Long.MAX_VALUE ? null : room);
    json.put("tokenizer", report.tokenizer().map(InspectedModel::json).orElse(null));
    json.put("chat_template", report.template().map(InspectedModel::json).orElse(null));
    if (report.spec().isPresent()) {
      Map<String, Object> contexts = new LinkedHashMap<>();
      ContextStrategies.ALL.forEach(each -> contexts.put(each.name(), longest(each).json()));
      json.put("contexts", contexts);
    }
    json.put("unsupported", unsupported);
    return json;
  }

  private static void shape(DecoderSpec spec, Map<String, Object> json) {
    json.put("family", spec.family());
    json.put("layers", spec.layers());
    json.put("hidden_size", spec.hidden());
    json.put("head_dim", spec.headDim());
    json.put("heads", spec.layerShapes().stream().map(LayerShape::heads).distinct().toList());
    json.put("kv_heads", spec.layerShapes().stream().map(LayerShape::kvHeads).distinct().toList());
    json.put("vocabulary", spec.vocabulary());
    json.put("trained_window", spec.trainedWindow());
    json.put("rope_theta", spec.rope().theta());
    json.put("rope_dims", spec.rope().rotaryDims());
    json.put("rope_scaling", scaling(spec));
    Map<String, Object> kv = new LinkedHashMap<>();
    for (KvDType dtype : KvDType.values()) {
      kv.put(dtype.name().toLowerCase(Locale.ROOT), spec.kvShape(dtype).bytesPerToken());
    }
    json.put("kv_bytes_per_token", kv);
  }

  private static Map<String, Object> json(TokenizerKind kind) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kind", kind.kind());
    json.put("vocabulary", kind.vocabulary());
    json.put("special_tokens", kind.specialTokens());
    json.put("bos_token", kind.bosToken().orElse(null));
    json.put("eos_token", kind.eosToken().orElse(null));
    return json;
  }

  private static Map<String, Object> json(TemplateKind kind) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("source", kind.source().orElse(null));
    json.put("system_prompts", kind.systemPrompts());
    return json;
  }
}
