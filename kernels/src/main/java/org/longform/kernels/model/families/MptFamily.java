package org.longform.kernels.model.families;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.device.Activation;
import org.longform.kernels.model.AlibiSpec;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.LayerDesign;
import org.longform.kernels.model.LayerDesign.Scales;
import org.longform.kernels.model.LayerReach;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.NormPlace;
import org.longform.kernels.model.RopeSpec;
import org.longform.kernels.model.WeightNames;

/**
 * MPT: linear biases instead of rotations, LayerNorm without biases, no gate, one matrix for q, k,
 * v.
 */
public final class MptFamily implements ModelFamily {
  private static final WeightNames PARTS =
      new WeightNames(
          "transformer.wte",
          "transformer.norm_f",
          "lm_head",
          new WeightNames.Attention(
              "transformer.blocks.%d.norm_1",
              "transformer.blocks.%d.attn.Wqkv.q",
              "transformer.blocks.%d.attn.Wqkv.k",
              "transformer.blocks.%d.attn.Wqkv.v",
              "transformer.blocks.%d.attn.out_proj"),
          new WeightNames.FeedForward(
              "transformer.blocks.%d.norm_2",
              "", "transformer.blocks.%d.ffn.up_proj", "transformer.blocks.%d.ffn.down_proj"));
  private static final String ATTENTION = "attn_config";
  // each has a slope
  private static final int MOST_HEADS = 1 << 16;
  private static final String CLIP = "clip_qkv";
  private static final String LARGEST_BIAS = "alibi_bias_max";

  @Override
  public String name() {
    return "mpt";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("MptForCausalLM", "MPTForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(
        new GgufForm(
                "mpt",
                WeightNames.GGUF.with(Phi3Family.fused("blk.%d.attn_qkv", WeightNames.GGUF)),
                Rope.Layout.HALF_SPLIT)
            .withWords(
                Map.of(),
                Map.of(
                    "layer_norm_epsilon",
                    "attention.layer_norm_epsilon",
                    CLIP,
                    "attention.clamp_kqv",
                    LARGEST_BIAS,
                    "attention.max_alibi_bias"))
            .implying(values -> values.remove(CLIP, 0.0)));
  }

  /** What lies in a section of its own beside the rest. */
  @Override
  public ModelConfig usual(ModelConfig config) {
    ModelConfig usual =
        config.inUsualWords(
            Map.of(
                "hidden_size", "d_model",
                "num_hidden_layers", "n_layers",
                "num_attention_heads", "n_heads",
                "max_position_embeddings", "max_seq_len"));
    long inner = (long) usual.countOr("expansion_ratio", 4) * usual.count("hidden_size");
    usual = usual.withDefault("layer_norm_epsilon", 1e-5).withDefault("intermediate_size", inner);
    Optional<ModelConfig> attention = usual.section(ATTENTION);
    for (String key : new String[] {CLIP, LARGEST_BIAS}) {
      Object value = attention.map(section -> section.values().get(key)).orElse(null);
      if (value != null) {
        usual = usual.withDefault(key, value);
      }
    }
    return usual.withDefault(LARGEST_BIAS, 8.0);
  }

  @Override
  public DecoderSpec spec(ModelConfig given) {
    ModelConfig config = usual(given);
    config.section(ATTENTION).ifPresent(MptFamily::requireSupported);
    config.requireFlag("no_bias", true, true);
    if (config.has("logit_scale")) {
      throw config.unsupported(
          "logit_scale", String.valueOf(config.values().get("logit_scale")), "null");
    }
    FamilyConfig family = new FamilyConfig(name(), config);
    double scale =
        config
            .section(ATTENTION)
            .filter(section -> section.has("softmax_scale"))
            .map(section -> section.number("softmax_scale"))
            .orElse(0.0);
    family
        .names(PARTS.with(Phi3Family.fused("transformer.blocks.%d.attn.Wqkv", PARTS)))
        .epsilon("layer_norm_epsilon", 1e-5)
        .traits(Trait.UNGATED)
        .traitsIf("tie_word_embeddings", true, Trait.TIED_EMBEDDINGS)
        .design(
            LayerDesign.LLAMA
                .with(LayerDesign.Norm.LAYER)
                .with(EnumSet.of(NormPlace.ATTENTION, NormPlace.FEED_FORWARD))
                .with(Activation.GELU)
                .with(new Scales(1, scale, 1, 1))
                .withClip(config.numberOr(CLIP, Double.POSITIVE_INFINITY)));
    if (family.layer(0).heads() > MOST_HEADS) {
      throw config.invalid("num_attention_heads", "at most " + MOST_HEADS);
    }
    AlibiSpec biases = AlibiSpec.of(family.layer(0).heads(), config.number(LARGEST_BIAS));
    return family.spec(
        RopeSpec.NONE, Collections.nCopies(family.layers(), LayerReach.everything(biases)));
  }

  private static void requireSupported(ModelConfig attention) {
    attention.requireFlag("alibi", true, true);
    attention.requireFlag("qk_ln", false, false);
    attention.requireFlag("prefix_lm", false, false);
    attention.require("attn_type", "multihead_attention", "multihead_attention");
  }
}
