package org.longform.kernels.model;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.longform.kernels.weights.WeightSource;
import org.longform.kernels.weights.checkpoint.CheckpointFormats;

/**
 * The text part of a checkpoint that sees, too, as if it were a model of its own. The other parts
 * are not read.
 *
 * @param config what {@code config.json} would be without them
 */
record TextPart(ModelConfig config) {
  private static final String SECTION = "text_config";
  private static final String TIED = "tie_word_embeddings";
  // what is said once for all parts
  private static final List<String> SHARED =
      Stream.concat(Stream.of("torch_dtype", "dtype"), CheckpointFormats.KEYS.stream()).toList();

  /**
   * Empty for a model that is text alone.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL or UNSUPPORTED_MODEL naming
   *     the key and its value
   */
  static Optional<TextPart> of(ModelConfig whole) {
    List<String> architectures = whole.texts("architectures");
    return architectures.isEmpty()
        ? Optional.empty()
        : ModelFamilies.ofMultimodal(architectures.get(0))
            .map(family -> new TextPart(alone(whole, family)));
  }

  private static ModelConfig alone(ModelConfig whole, ModelFamily family) {
    ModelConfig text =
        whole
            .section(SECTION)
            .orElseThrow(() -> whole.invalid(SECTION, "an object that describes the text part"));
    text.require("model_type", family.name(), family.name());
    Map<String, Object> changes = new HashMap<>();
    family
        .multimodal()
        .orElseThrow()
        .defaults()
        .forEach(
            (key, value) -> {
              if (!text.values().containsKey(key)) {
                changes.put(key, value);
              }
            });
    for (String key : SHARED) {
      if (!text.has(key) && whole.has(key)) {
        changes.put(key, whole.values().get(key));
      }
    }
    // true is what the classes write for every checkpoint, whatever its text part has
    if (!text.has(TIED) && !whole.flagUnlessOff(TIED)) {
      changes.put(TIED, false);
    }
    changes.put("architectures", List.copyOf(family.architectures()));
    changes.put("model_type", family.name());
    return text.with(changes);
  }

  /** Its weights; the given ones belong to the result. */
  WeightSource weights(WeightSource whole) {
    return new TextWeights(config, whole);
  }
}
