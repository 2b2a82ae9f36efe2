package org.longform.kernels.model.families;

import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.WeightNames;

/** Llama 1 to 3 and the many models with the same layers. */
public final class LlamaFamily implements ModelFamily {
  @Override
  public String name() {
    return "llama";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("LlamaForCausalLM");
  }

  // llama.cpp's converter reorders the rows of queries and keys so that pairs are neighbours
  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(new GgufForm("llama", WeightNames.GGUF, Rope.Layout.INTERLEAVED));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    config.require("hidden_act", "silu", "silu", "swish");
    return new FamilyConfig(name(), config)
        .traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS)
        .traitsIf("attention_bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS)
        .traitsIf("mlp_bias", false, Trait.FFN_BIAS)
        .spec(10000);
  }
}
