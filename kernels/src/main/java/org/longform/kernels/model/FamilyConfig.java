package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import org.longform.kernels.device.Activation;
import org.longform.kernels.model.DecoderSpec.Trait;

/**
 * Reads what the configs of nearly all families have in common; a family says what is different.
 * Without that it is a Llama.
 */
public final class FamilyConfig {
  private static final String FULL = "full_attention";
  private static final String SLIDING = "sliding_attention";
  private static final String WINDOW = "sliding_window";
  private static final String[] ACTIVATIONS = {
    "silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh"
  };

  private final String family;
  private final ModelConfig config;
  private final LayerConfig layers;
  private final RopeConfig rope;
  private final Set<Trait> traits = EnumSet.noneOf(Trait.class);
  private WeightNames names = WeightNames.HUGGING_FACE;
  private LayerDesign design = LayerDesign.LLAMA;
  private double epsilon;
  private long usualWindow = LayerReach.UNLIMITED;

  /**
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL or UNSUPPORTED_MODEL naming
   *     the key and its value
   */
  public FamilyConfig(String family, ModelConfig config) {
    this.family = family;
    this.config = config;
    this.layers = new LayerConfig(config);
    this.rope = new RopeConfig(config, layers.headDim());
    this.epsilon = config.numberOr("rms_norm_eps", 1e-6);
  }

  public int layers() {
    return layers.shapes().size();
  }

  public int headDim() {
    return layers.headDim();
  }

  public LayerShape layer(int index) {
    return layers.shapes().get(index);
  }

  /** The rotation that most layers have. */
  public RopeConfig rope() {
    return rope;
  }

  /** Names in its files. */
  public FamilyConfig names(WeightNames others) {
    names = others;
    return this;
  }

  /** How its layers compute. */
  public LayerDesign design() {
    return design;
  }

  public FamilyConfig design(LayerDesign other) {
    design = other;
    return this;
  }

  /** What norms add under the root, if the file does not tell. */
  public FamilyConfig epsilon(String key, double otherwise) {
    epsilon = config.numberOr(key, otherwise);
    return this;
  }

  public FamilyConfig traits(Trait... some) {
    traits.addAll(List.of(some));
    return this;
  }

  /** Traits that a flag gives to it. */
  public FamilyConfig traitsIf(String flag, boolean otherwise, Trait... some) {
    return config.flagOr(flag, otherwise) ? traits(some) : this;
  }

  /** The activation that a key names. */
  public static Activation activation(ModelConfig config, String key, String otherwise) {
    config.require(key, otherwise, ACTIVATIONS);
    return switch (config.text(key).orElse(otherwise)) {
      case "silu", "swish" -> Activation.SILU;
      case "gelu" -> Activation.GELU;
      default -> Activation.GELU_TANH;
    };
  }

  /** Whether each layer has the window; those of {@code layer_types}, if the file has them. */
  public List<Boolean> sliding(IntPredicate otherwise) {
    List<String> types = config.words("layer_types", layers(), FULL, SLIDING);
    List<Boolean> sliding = new ArrayList<>();
    for (int layer = 0; layer < layers(); layer++) {
      sliding.add(types.isEmpty() ? otherwise.test(layer) : types.get(layer).equals(SLIDING));
    }
    return sliding;
  }

  /** The window that layers have if the file does not speak of it. */
  public FamilyConfig usualWindow(long tokens) {
    usualWindow = tokens;
    return this;
  }

  /** The window in tokens; {@link LayerReach#UNLIMITED} where there is none, which null says. */
  public long window() {
    if (config.has(WINDOW)) {
      return config.tokens(WINDOW);
    }
    return config.isNull(WINDOW) ? LayerReach.UNLIMITED : usualWindow;
  }

  /** All layers see everything, with the rotation that the file tells. */
  public DecoderSpec spec(double theta) {
    RopeSpec positions = rope.spec(theta);
    return spec(positions, Collections.nCopies(layers(), LayerReach.everything(positions)));
  }

  /** Some layers have the window, and all of them the same rotation. */
  public DecoderSpec spec(double theta, List<Boolean> sliding) {
    RopeSpec positions = rope.spec(theta);
    long window = window();
    return spec(
        positions,
        sliding.stream()
            .map(each -> new LayerReach(each ? window : LayerReach.UNLIMITED, positions))
            .toList());
  }

  /** The model; what each layer sees is told for each. */
  public DecoderSpec spec(RopeSpec positions, List<LayerReach> reaches) {
    return spec(positions, rope.trainedWindow(), reaches);
  }

  /**
   * @param trainedWindow tokens the model was trained to read at once
   */
  public DecoderSpec spec(RopeSpec positions, long trainedWindow, List<LayerReach> reaches) {
    return new DecoderSpec(
        family,
        config.count("vocab_size"),
        config.count("hidden_size"),
        layers.headDim(),
        layers.shapes(),
        epsilon,
        positions,
        trainedWindow,
        traits,
        names,
        design,
        reaches);
  }
}
