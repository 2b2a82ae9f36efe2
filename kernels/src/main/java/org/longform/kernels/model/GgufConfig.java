package org.longform.kernels.model;

import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.weights.GgufMetadata;
import org.longform.kernels.weights.GgufWeights;
import org.longform.kernels.weights.WeightSource;

/**
 * The metadata of a GGUF file in the words of {@code config.json}, so that a family reads both
 * alike. What config.json says and a GGUF file leaves to its tensors, such as biases, is taken from
 * them.
 */
final class GgufConfig {
  static final String ARCHITECTURE = "general.architecture";

  /** The words of config.json and, behind the architecture's name, those of GGUF. */
  static final Map<String, String> KEYS =
      Map.ofEntries(
          Map.entry("max_position_embeddings", "context_length"),
          Map.entry("hidden_size", "embedding_length"),
          Map.entry("num_hidden_layers", "block_count"),
          Map.entry("intermediate_size", "feed_forward_length"),
          Map.entry("num_attention_heads", "attention.head_count"),
          Map.entry("num_key_value_heads", "attention.head_count_kv"),
          Map.entry("head_dim", "attention.key_length"),
          Map.entry("rms_norm_eps", "attention.layer_norm_rms_epsilon"),
          Map.entry("rope_theta", "rope.freq_base"),
          Map.entry("partial_rotary_factor", "rope.dimension_count"),
          Map.entry("rope_scaling.rope_type", "rope.scaling.type"),
          Map.entry("rope_scaling.factor", "rope.scaling.factor"),
          Map.entry(
              "rope_scaling.original_max_position_embeddings",
              "rope.scaling.original_context_length"),
          Map.entry("rope_scaling.attention_factor", "rope.scaling.attn_factor"),
          Map.entry("rope_scaling.beta_fast", "rope.scaling.yarn_beta_fast"),
          Map.entry("rope_scaling.beta_slow", "rope.scaling.yarn_beta_slow"));

  private static final double THETA = 10000;
  private static final String SECTION = GgufPositions.SECTION + ".";
  // a list of factors for rotations that are neither matrix nor vector of a layer
  private static final Set<String> NOT_WEIGHTS =
      Set.of(RopeDivisors.TENSOR, RopeDivisors.NEAR, RopeDivisors.FAR);
  // the files tell these by their tensors
  private static final Set<Trait> FOUND =
      EnumSet.of(
          Trait.TIED_EMBEDDINGS,
          Trait.QKV_BIAS,
          Trait.OUTPUT_BIAS,
          Trait.FFN_BIAS,
          Trait.HEAD_BIAS,
          Trait.NORM_BIAS,
          Trait.NORMS_AROUND_ONE);

  private final ModelFamily family;
  private final GgufForm form;
  private final WeightSource weights;
  private final ModelConfig config;
  private final DecoderSpec plain;

  private GgufConfig(
      ModelFamily family,
      GgufForm form,
      GgufWeights weights,
      ModelConfig config,
      Optional<RopeScaling> divided) {
    this.family = family;
    this.form = form;
    this.config = config;
    DecoderSpec spec = family.spec(config);
    RopeSpec rope = spec.rope();
    this.plain =
        spec.stored(
            form.names(),
            new RopeSpec(
                rope.theta(), rope.rotaryDims(), divided.orElse(rope.scaling()), form.layout()),
            spec.traits());
    this.weights = FusedWeights.over(weights, plain);
  }

  /**
   * @throws LongformException INVALID_MODEL or UNSUPPORTED_MODEL naming the key and its value
   */
  static GgufConfig read(Path file, GgufWeights weights) {
    String architecture =
        weights
            .metadata()
            .text(ARCHITECTURE)
            .orElseThrow(
                () ->
                    spelled(file, "", KEYS, Map.of())
                        .invalid(ARCHITECTURE, "the name of an architecture"));
    boolean experts =
        weights.metadata().integer(architecture + ".expert_count").filter(n -> n != 0).isPresent();
    ModelFamily family = ModelFamilies.ofGguf(file, architecture, experts);
    return new Reader(file, family, weights).read();
  }

  ModelConfig config() {
    return config;
  }

  /** The weights by the names of the spec. */
  WeightSource weights() {
    return weights;
  }

  /** The family's spec, with names, pairs, biases and frequencies as this file has them. */
  DecoderSpec spec() {
    WeightNames names = form.names();
    Set<Trait> traits = EnumSet.noneOf(Trait.class);
    traits.addAll(plain.traits());
    traits.removeAll(FOUND);
    if (!weights.contains(names.head() + ".weight")) {
      traits.add(Trait.TIED_EMBEDDINGS);
    }
    addIfBiased(traits, Trait.QKV_BIAS, names.attention().query());
    addIfBiased(traits, Trait.OUTPUT_BIAS, names.attention().output());
    addIfBiased(traits, Trait.FFN_BIAS, names.feedForward().up());
    addIfBiased(traits, Trait.HEAD_BIAS, names.head());
    addIfBiased(traits, Trait.NORM_BIAS, names.finalNorm());
    DecoderSpec spec = plain.stored(names, plain.rope(), traits);
    requireNoOther(spec);
    return spec;
  }

  private void addIfBiased(Set<Trait> traits, Trait trait, String pattern) {
    if (weights.contains(WeightNames.ofLayer(pattern, 0) + ".bias")) {
      traits.add(trait);
    }
  }

  /** A tensor that nobody reads would be a silent change of the model. */
  private void requireNoOther(DecoderSpec spec) {
    Set<String> read = WeightShapes.of(spec).keySet();
    weights.names().stream()
        .filter(name -> !read.contains(name) && !NOT_WEIGHTS.contains(name))
        .sorted()
        .findFirst()
        .ifPresent(
            name -> {
              throw config.failed(
                  ErrorClass.UNSUPPORTED_MODEL,
                  "goes with tensor '%s', which family %s does not have"
                      .formatted(name, family.name()));
            });
  }

  private static ModelConfig spelled(
      Path file, String architecture, Map<String, String> words, Map<String, Object> values) {
    Map<String, String> keys = new HashMap<>();
    words.forEach((word, key) -> keys.put(word, architecture + "." + key));
    return ModelConfig.of(new ModelConfig.Spelling(file, "its metadata", keys), values);
  }

  /** Turns the keys of one file. */
  private static final class Reader {
    private final ModelFamily family;
    private final GgufForm form;
    private final GgufWeights weights;
    private final GgufMetadata metadata;
    private final Map<String, Object> values = new LinkedHashMap<>();
    private final Map<String, Object> scaling = new LinkedHashMap<>();
    private final ModelConfig config;

    Reader(Path file, ModelFamily family, GgufWeights weights) {
      this.family = family;
      this.form = family.gguf().orElseThrow();
      this.weights = weights;
      this.metadata = weights.metadata();
      this.config = spelled(file, form.architecture(), form.words(), values);
    }

    GgufConfig read() {
      values.put("architectures", List.of(family.architectures().iterator().next()));
      values.put("model_type", family.name());
      form.words()
          .forEach(
              (word, key) -> {
                Object value = uniform(metadata.plain(form.architecture() + "." + key));
                if (value != null) {
                  boolean inSection = word.startsWith(SECTION);
                  (inSection ? scaling : values)
                      .put(inSection ? word.substring(SECTION.length()) : word, value);
                }
              });
      requireSupported();
      weights
          .shape(form.names().embedding() + ".weight")
          .filter(shape -> shape.rank() == 2)
          .ifPresent(shape -> values.put("vocab_size", shape.axis(0)));
      values.put("tie_word_embeddings", !weights.contains(form.names().head() + ".weight"));
      if (config.count("num_hidden_layers") > weights.names().size()) {
        // before anything is made for each layer
        throw config.invalid(
            "num_hidden_layers", "at most the number of its tensors, " + weights.names().size());
      }
      // where the file does not tell them, no family's own defaults count
      int headDim = new LayerConfig(config).headDim();
      values.put("head_dim", (long) headDim);
      values.putIfAbsent("rope_theta", THETA);
      form.implied().accept(values);
      return new GgufConfig(family, form, weights, config, positions(headDim));
    }

    /** Puts the words for positions; answers a scaling that config.json has no word for. */
    private Optional<RopeScaling> positions(int headDim) {
      String legacy = form.architecture() + ".rope.scale_linear";
      if (!scaling.containsKey("rope_type") && metadata.has(legacy)) {
        scaling.put("factor", metadata.plain(legacy));
      }
      values.put(GgufPositions.SECTION, scaling);
      Optional<RopeScaling> divided =
          new GgufPositions(weights, values, scaling, config).read(headDim);
      if (scaling.isEmpty()) {
        values.remove(GgufPositions.SECTION);
      }
      return divided;
    }

    /** A number for each layer is one number if all are the same. */
    private static Object uniform(Object value) {
      return value instanceof List<?> list && list.stream().distinct().count() == 1
          ? list.get(0)
          : value;
    }

    private void requireSupported() {
      if (form.names().experts().isEmpty()) {
        requireNone("expert_count", "mixtures of experts cannot be read");
      }
      if (form.knows("sliding_window")) {
        // none at all is written so
        values.replace("sliding_window", 0L, null);
      } else {
        requireNone("attention.sliding_window", "sliding windows cannot be read");
      }
      Optional<Long> values = metadata.integer(form.architecture() + ".attention.value_length");
      Optional<Long> keys = metadata.integer(form.architecture() + ".attention.key_length");
      if (values.isPresent() && keys.isPresent() && !values.equals(keys)) {
        throw config.failed(
            ErrorClass.UNSUPPORTED_MODEL,
            "has heads of %d dimensions for keys and %d for values, expected one number"
                .formatted(keys.get(), values.get()));
      }
      // without it the family would take config.json's default
      config.number(form.knows("layer_norm_epsilon") ? "layer_norm_epsilon" : "rms_norm_eps");
    }

    private void requireNone(String suffix, String why) {
      String key = form.architecture() + "." + suffix;
      Object value = metadata.plain(key);
      if (value != null && !value.equals(0L)) {
        throw config.failed(
            ErrorClass.UNSUPPORTED_MODEL,
            "has %s = %s, and %s".formatted(key, ModelConfig.shortened(value), why));
      }
    }
  }
}
