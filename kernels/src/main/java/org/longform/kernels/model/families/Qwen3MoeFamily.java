package org.longform.kernels.model.families;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.WeightNames;
import org.longform.kernels.model.WeightNames.Experts;

/** Qwen 3 with sparse experts in every layer, whose weights add up to one. */
public final class Qwen3MoeFamily implements ModelFamily {
  private static final String COUNT = "num_experts";
  private static final String CHOSEN = "num_experts_per_tok";
  private static final String INTERMEDIATE = "moe_intermediate_size";
  private static final String NORMALISED = "norm_topk_prob";

  @Override
  public String name() {
    return "qwen3_moe";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("Qwen3MoeForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(
        new GgufForm(
                "qwen3moe",
                WeightNames.GGUF.with(MixtralFamily.GGUF_EXPERTS),
                Rope.Layout.HALF_SPLIT)
            .withWords(
                Map.of(
                    COUNT, "expert_count",
                    CHOSEN, "expert_used_count",
                    INTERMEDIATE, "expert_feed_forward_length"),
                Map.of())
            .implying(values -> values.put(NORMALISED, true)));
  }

  @Override
  public ModelConfig usual(ModelConfig config) {
    return config.inUsualWords(Map.of("intermediate_size", INTERMEDIATE));
  }

  @Override
  public DecoderSpec spec(ModelConfig given) {
    ModelConfig config = Qwen3Family.withHeadDim(usual(given));
    config.requireFlag(NORMALISED, false, true);
    boolean dense =
        config.has("mlp_only_layers")
            && config.values().get("mlp_only_layers") instanceof List<?> layers
            && !layers.isEmpty();
    if (dense || config.countOr("decoder_sparse_step", 1) != 1) {
      throw config.failed(
          ErrorClass.UNSUPPORTED_MODEL,
          "has layers without experts (mlp_only_layers, decoder_sparse_step), and all must have them");
    }
    FamilyConfig family = new FamilyConfig(name(), config);
    family.names(
        WeightNames.HUGGING_FACE.with(
            new Experts(
                "model.layers.%d.mlp.gate",
                "model.layers.%d.mlp.experts.%e.gate_proj",
                "model.layers.%d.mlp.experts.%e.up_proj",
                "model.layers.%d.mlp.experts.%e.down_proj",
                List.of())));
    family.traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS);
    family.traitsIf("attention_bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS);
    family.design(
        Qwen3Family.design(config).with(MixtralFamily.experts(config, COUNT, 128, CHOSEN, 8)));
    return Qwen2Family.windowed(config, family);
  }
}
