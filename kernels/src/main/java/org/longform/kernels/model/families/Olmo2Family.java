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

/**
 * OLMo 2: Llama with norms behind both halves of a layer instead of before them, and norms that go
 * over all heads of queries and keys.
 */
public final class Olmo2Family implements ModelFamily {
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
    return Optional.of(new GgufForm("olmo2", WeightNames.GGUF, Rope.Layout.HALF_SPLIT));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), config);
    family.epsilon("rms_norm_eps", 1e-5);
    family.traits(Trait.WIDE_QUERY_KEY_NORMS);
    family.traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS);
    family.traitsIf("attention_bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS);
    family.design(
        LayerDesign.LLAMA
            .with(FamilyConfig.activation(config, "hidden_act", "silu"))
            .with(
                EnumSet.of(
                    NormPlace.QUERY,
                    NormPlace.KEY,
                    NormPlace.AFTER_ATTENTION,
                    NormPlace.AFTER_FEED_FORWARD)));
    return family.spec(10000);
  }
}
