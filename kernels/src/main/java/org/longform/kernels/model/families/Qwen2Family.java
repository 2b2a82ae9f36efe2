package org.longform.kernels.model.families;

import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.LayerDesign;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.WeightNames;

/**
 * Qwen 2 and 2.5: Llama with biases on queries, keys and values, and a window in the upper layers
 * if the file switches it on.
 */
public final class Qwen2Family implements ModelFamily {
  private static final int FULL_LAYERS = 28;
  private static final long WINDOW = 4096;

  @Override
  public String name() {
    return "qwen2";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("Qwen2ForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(new GgufForm("qwen2", WeightNames.GGUF, Rope.Layout.HALF_SPLIT));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), config);
    family.traits(Trait.QKV_BIAS);
    family.traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS);
    family.design(LayerDesign.LLAMA.with(FamilyConfig.activation(config, "hidden_act", "silu")));
    return windowed(config, family);
  }

  /** Its layers, of which the upper ones may have a window. */
  static DecoderSpec windowed(ModelConfig config, FamilyConfig family) {
    if (!config.flag("use_sliding_window")) {
      return family.spec(10000);
    }
    family.usualWindow(WINDOW);
    int full =
        config.values().get("max_window_layers") instanceof Number number && number.intValue() == 0
            ? 0
            : config.countOr("max_window_layers", FULL_LAYERS);
    return family.spec(10000, family.sliding(layer -> layer >= full));
  }
}
