package org.longform.kernels.weights.checkpoint;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.weights.SafetensorsWeights;
import org.longform.kernels.weights.WeightSource;

/** The list of checkpoint formats. To add one: one file, one line here. */
public final class CheckpointFormats {
  public static final List<CheckpointFormat> ALL =
      List.of(new AwqFormat(), new CompressedTensorsFormat(), new Float8Format(), new GptqFormat());

  /** Where {@code config.json} tells the format; once it is read, the weights are plain. */
  public static final List<String> KEYS = List.of("quantization_config", "compression_config");

  private CheckpointFormats() {}

  /** The names of all formats, for messages. */
  public static String names() {
    return ALL.stream()
        .flatMap(format -> format.methods().stream())
        .sorted()
        .collect(Collectors.joining(", "));
  }

  /**
   * Checks that the weights of a model can be read, as far as its config tells.
   *
   * @param config of the model
   * @throws LongformException INVALID_MODEL or UNSUPPORTED_MODEL naming the key and its value
   */
  public static void check(Path place, Map<String, Object> config) {
    layout(place, config);
  }

  /**
   * The weights of a model by the names and shapes that plain ones have.
   *
   * @param config of the model
   * @param stored as its files have them; belongs to the result, and stays open if this fails
   * @throws LongformException INVALID_MODEL or UNSUPPORTED_MODEL saying what is wrong
   */
  public static WeightSource decoded(
      Path place, Map<String, Object> config, SafetensorsWeights stored) {
    Optional<ModuleLayout> layout = layout(place, config);
    return layout.isPresent() ? new DecodedWeights(place, stored, layout.get()) : stored;
  }

  private static Optional<ModuleLayout> layout(Path place, Map<String, Object> config) {
    for (String key : KEYS) {
      if (config.get(key) != null) {
        return Optional.of(layout(QuantisationConfig.of(place, key, config.get(key))));
      }
    }
    return Optional.empty();
  }

  private static ModuleLayout layout(QuantisationConfig config) {
    String method = config.text("quant_method").orElse("");
    if (method.equals("bitsandbytes")
        || config.flag("load_in_4bit", false)
        || config.flag("load_in_8bit", false)) {
      throw QuantisationConfig.failed(
          config.place(),
          ErrorClass.UNSUPPORTED_MODEL,
          "its weights are stored by bitsandbytes, in the order of that library's own kernels");
    }
    return ALL.stream()
        .filter(format -> format.methods().contains(method))
        .findFirst()
        .orElseThrow(() -> config.unsupported("quant_method", "one of " + names()))
        .layout(config);
  }
}
