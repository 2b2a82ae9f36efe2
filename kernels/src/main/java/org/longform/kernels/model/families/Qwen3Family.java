package org.longform.kernels.model.families;

import java.util.EnumSet;
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
import org.longform.kernels.model.NormPlace;
import org.longform.kernels.model.WeightNames;

/** Qwen 3: as Qwen 2, with norms of each head's queries and keys instead of biases. */
public final class Qwen3Family implements ModelFamily {
  private static final int HEAD_DIM = 128;

  @Override
  public String name() {
    return "qwen3";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("Qwen3ForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(new GgufForm("qwen3", WeightNames.GGUF, Rope.Layout.HALF_SPLIT));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), withHeadDim(config));
    family.traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS);
    family.traitsIf("attention_bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS);
    family.design(design(config));
    return Qwen2Family.windowed(config, family);
  }

  static ModelConfig withHeadDim(ModelConfig config) {
    return config.withDefault("head_dim", HEAD_DIM);
  }

  static LayerDesign design(ModelConfig config) {
    return LayerDesign.LLAMA
        .with(FamilyConfig.activation(config, "hidden_act", "silu"))
        .with(
            EnumSet.of(
                NormPlace.ATTENTION, NormPlace.QUERY, NormPlace.KEY, NormPlace.FEED_FORWARD));
  }
}
