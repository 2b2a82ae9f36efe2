package org.longform.kernels.model.families;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.LayerDesign;
import org.longform.kernels.model.LayerReach;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.NormPlace;
import org.longform.kernels.model.RopeScaling;
import org.longform.kernels.model.RopeSpec;
import org.longform.kernels.model.WeightNames;

/**
 * GPT-J: both halves of a layer get the same LayerNorm of the stream; neighbouring dimensions are
 * rotated, and only the first of a head; the feed-forward part has no gate.
 */
public final class GptJFamily implements ModelFamily {
  private static final WeightNames NAMES =
      new WeightNames(
          "transformer.wte",
          "transformer.ln_f",
          "lm_head",
          new WeightNames.Attention(
              "transformer.h.%d.ln_1",
              "transformer.h.%d.attn.q_proj",
              "transformer.h.%d.attn.k_proj",
              "transformer.h.%d.attn.v_proj",
              "transformer.h.%d.attn.out_proj"),
          new WeightNames.FeedForward(
              "", "", "transformer.h.%d.mlp.fc_in", "transformer.h.%d.mlp.fc_out"));
  private static final int ROTARY_DIMS = 64;
  private static final int EXPANSION = 4;

  @Override
  public String name() {
    return "gptj";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("GPTJForCausalLM");
  }

  @Override
  public ModelConfig usual(ModelConfig config) {
    return config.inUsualWords(
        Map.of(
            "hidden_size", "n_embd",
            "num_hidden_layers", "n_layer",
            "num_attention_heads", "n_head",
            "max_position_embeddings", "n_positions",
            "intermediate_size", "n_inner"));
  }

  @Override
  public DecoderSpec spec(ModelConfig given) {
    ModelConfig usual = usual(given);
    ModelConfig config =
        usual.withDefault("intermediate_size", (long) EXPANSION * usual.count("hidden_size"));
    FamilyConfig family = new FamilyConfig(name(), config);
    family
        .names(NAMES)
        .epsilon("layer_norm_epsilon", 1e-5)
        .traits(Trait.NORM_BIAS, Trait.FFN_BIAS, Trait.HEAD_BIAS, Trait.UNGATED, Trait.PARALLEL)
        .traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS)
        .design(
            LayerDesign.LLAMA
                .with(LayerDesign.Norm.LAYER)
                .with(EnumSet.of(NormPlace.ATTENTION))
                .with(FamilyConfig.activation(config, "activation_function", "gelu_new")));
    int dims = config.countOr("rotary_dim", ROTARY_DIMS);
    if (dims % 2 != 0 || dims > family.headDim()) {
      throw config.invalid("rotary_dim", "an even number of at most " + family.headDim());
    }
    RopeSpec rope = new RopeSpec(10000, dims, new RopeScaling.None(), Rope.Layout.INTERLEAVED);
    return family.spec(rope, Collections.nCopies(family.layers(), LayerReach.everything(rope)));
  }
}
