package org.longform.kernels.weights.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.longform.kernels.weights.NamePattern;

/**
 * Checkpoints of compressed-tensors, as LLM Compressor writes them: each group of modules has a
 * scheme of its own, and modules that {@code ignore} names are plain, which their tensors show.
 * Read are {@code pack-quantized}, {@code int-quantized}, {@code float-quantized} and {@code
 * naive-quantized}. Activations that they would round while a model runs are left as they are.
 */
final class CompressedTensorsFormat implements CheckpointFormat {
  private static final List<String> FORMATS =
      List.of(
          "pack-quantized",
          "int-quantized",
          "float-quantized",
          "naive-quantized",
          "mixed-precision");

  @Override
  public List<String> methods() {
    return List.of("compressed-tensors");
  }

  @Override
  public ModuleLayout layout(QuantisationConfig config) {
    requireFormat(config);
    String status = config.text("quantization_status").orElse("compressed");
    if (!status.equals("compressed")) {
      throw config.unsupported("quantization_status", "compressed");
    }
    if (config.section("sparsity_config").isPresent()) {
      QuantisationConfig sparsity = config.section("sparsity_config").orElseThrow();
      if (!sparsity.text("format").orElse("dense").equals("dense")) {
        throw sparsity.unsupported("format", "dense");
      }
    }
    if (config.has("transform_config")
        && config.section("transform_config").orElseThrow().words().iterator().hasNext()) {
      throw config.unsupported("transform_config", "none: weights that are not rotated");
    }
    List<CompressedScheme> schemes = new ArrayList<>();
    QuantisationConfig groups =
        config
            .section("config_groups")
            .orElseThrow(() -> config.invalid("config_groups", "an object"));
    for (String name : groups.words()) {
      Optional<QuantisationConfig> group = groups.section(name);
      if (group.isPresent()) {
        requireFormat(group.get());
        scheme(group.get()).ifPresent(schemes::add);
      }
    }
    if (schemes.isEmpty()) {
      throw config.invalid("config_groups", "a group with weights");
    }
    return new CompressedLayout(schemes);
  }

  private static void requireFormat(QuantisationConfig config) {
    Optional<String> format = config.text("format");
    if (format.isPresent() && !FORMATS.contains(format.get())) {
      throw config.unsupported("format", "one of " + String.join(", ", FORMATS));
    }
  }

  /** Of the weights of a group; empty if it has only activations. */
  private static Optional<CompressedScheme> scheme(QuantisationConfig group) {
    List<String> names = new ArrayList<>();
    List<NamePattern> patterns = new ArrayList<>();
    for (Object target : group.list("targets")) {
      if (!(target instanceof String text)) {
        throw group.invalid("targets", "a list of texts");
      }
      if (text.startsWith("re:")) {
        patterns.add(
            NamePattern.of(text.substring("re:".length()))
                .orElseThrow(() -> group.invalid("targets", "names or regular expressions")));
      } else {
        names.add(text);
      }
    }
    return group.section("weights").map(weights -> CompressedScheme.read(weights, names, patterns));
  }
}
