package org.longform.kernels.model.families;

import java.util.EnumSet;
import java.util.Map;
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

/**
 * OLMo 2: Llama with norms behind both halves of a layer instead of before them, and norms that go
 * over all heads of queries and keys.
 */
public final class Olmo2Family implements ModelFamily {
  private static final Map<NormPlace, String> NORMS =
      Map.of(
          NormPlace.QUERY, "model.layers.%d.self_attn.q_norm",
          NormPlace.KEY, "model.layers.%d.self_attn.k_norm",
          NormPlace.AFTER_ATTENTION, "model.layers.%d.post_attention_layernorm",
          NormPlace.AFTER_FEED_FORWARD, "model.layers.%d.post_feedforward_layernorm");
  private static final Map<NormPlace, String> GGUF_NORMS =
      Map.of(
          NormPlace.QUERY, "blk.%d.attn_q_norm",
          NormPlace.KEY, "blk.%d.attn_k_norm",
          NormPlace.AFTER_ATTENTION, "blk.%d.post_attention_norm",
          NormPlace.AFTER_FEED_FORWARD, "blk.%d.post_ffw_norm");

  @Override
  public String name() {
    return "olmo2";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("Olmo2ForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(
        new GgufForm("olmo2", WeightNames.GGUF.with(GGUF_NORMS), Rope.Layout.HALF_SPLIT));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), config);
    family.names(WeightNames.HUGGING_FACE.with(NORMS)).epsilon("rms_norm_eps", 1e-5);
    family.traits(Trait.WIDE_QUERY_KEY_NORMS);
    family.traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS);
    family.traitsIf("attention_bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS);
    family.design(
        LayerDesign.LLAMA
            .with(FamilyConfig.activation(config, "hidden_act", "silu"))
            .with(EnumSet.copyOf(NORMS.keySet())));
    return family.spec(10000);
  }
}
