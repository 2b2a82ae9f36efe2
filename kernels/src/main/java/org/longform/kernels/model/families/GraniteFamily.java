package org.longform.kernels.model.families;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.LayerDesign;
import org.longform.kernels.model.LayerDesign.Scales;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.WeightNames;

/** Granite 3: Llama with factors on embeddings, q·k, what is added to the stream, and logits. */
public final class GraniteFamily implements ModelFamily {
  private static final String EMBEDDING = "embedding_multiplier";
  private static final String ATTENTION = "attention_multiplier";
  private static final String RESIDUAL = "residual_multiplier";
  private static final String LOGITS = "logits_scaling";

  @Override
  public String name() {
    return "granite";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("GraniteForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(
        new GgufForm("granite", WeightNames.GGUF, Rope.Layout.INTERLEAVED)
            .withWords(
                Map.of(),
                Map.of(
                    EMBEDDING, "embedding_scale",
                    ATTENTION, "attention.scale",
                    RESIDUAL, "residual_scale",
                    LOGITS, "logit_scale")));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), config);
    family.traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS);
    family.traitsIf("attention_bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS);
    family.traitsIf("mlp_bias", false, Trait.FFN_BIAS);
    family.design(
        LayerDesign.LLAMA
            .with(FamilyConfig.activation(config, "hidden_act", "silu"))
            .with(
                new Scales(
                    config.numberOr(EMBEDDING, 1),
                    config.numberOr(ATTENTION, 1),
                    config.numberOr(RESIDUAL, 1),
                    1 / config.numberOr(LOGITS, 1))));
    return family.spec(10000);
  }
}
