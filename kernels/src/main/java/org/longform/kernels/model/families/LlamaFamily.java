package org.longform.kernels.model.families;

import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.LayerConfig;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.RopeConfig;
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
    int hidden = config.count("hidden_size");
    LayerConfig layers = new LayerConfig(config);
    Set<Trait> traits = EnumSet.noneOf(Trait.class);
    if (config.flag("tie_word_embeddings")) {
      traits.add(Trait.TIED_EMBEDDINGS);
    }
    if (config.flag("attention_bias")) {
      traits.add(Trait.QKV_BIAS);
      traits.add(Trait.OUTPUT_BIAS);
    }
    if (config.flag("mlp_bias")) {
      traits.add(Trait.FFN_BIAS);
    }
    RopeConfig rope = new RopeConfig(config, layers.headDim());
    return new DecoderSpec(
        name(),
        config.count("vocab_size"),
        hidden,
        layers.headDim(),
        layers.shapes(),
        config.numberOr("rms_norm_eps", 1e-6),
        rope.spec(),
        rope.trainedWindow(),
        traits,
        WeightNames.HUGGING_FACE);
  }
}
