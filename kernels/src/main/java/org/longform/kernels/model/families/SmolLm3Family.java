package org.longform.kernels.model.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.LayerDesign;
import org.longform.kernels.model.LayerReach;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.RopeSpec;
import org.longform.kernels.model.WeightNames;

/** SmolLM 3: Llama of which every fourth layer rotates nothing. */
public final class SmolLm3Family implements ModelFamily {
  private static final int INTERVAL = 4;

  @Override
  public String name() {
    return "smollm3";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("SmolLM3ForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(new GgufForm("smollm3", WeightNames.GGUF, Rope.Layout.INTERLEAVED));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), config);
    family.traitsIf("tie_word_embeddings", true, Trait.TIED_EMBEDDINGS);
    family.traitsIf("attention_bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS);
    family.traitsIf("mlp_bias", false, Trait.FFN_BIAS);
    family.design(LayerDesign.LLAMA.with(FamilyConfig.activation(config, "hidden_act", "silu")));
    List<Boolean> rotates = config.flags("no_rope_layers", family.layers());
    int interval = config.countOr("no_rope_layer_interval", INTERVAL);
    boolean windows = config.flag("use_sliding_window");
    long window = windows ? family.window() : LayerReach.UNLIMITED;
    RopeSpec rope = family.rope().spec(2_000_000);
    List<LayerReach> reaches = new ArrayList<>();
    List<Boolean> rotated = new ArrayList<>();
    for (int layer = 0; layer < family.layers(); layer++) {
      rotated.add(rotates.isEmpty() ? (layer + 1) % interval != 0 : rotates.get(layer));
    }
    List<Boolean> sliding = family.sliding(layer -> !rotated.get(layer));
    for (int layer = 0; layer < family.layers(); layer++) {
      reaches.add(
          new LayerReach(
              sliding.get(layer) ? window : LayerReach.UNLIMITED,
              rotated.get(layer) ? rope : RopeSpec.NONE));
    }
    return family.spec(rope, reaches);
  }
}
