package org.longform.kernels.model.families;

import java.util.EnumSet;
import java.util.List;
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
import org.longform.kernels.model.LayerDesign.SoftCaps;
import org.longform.kernels.model.LayerReach;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.MultimodalForm;
import org.longform.kernels.model.NormPlace;
import org.longform.kernels.model.RopeConfig;
import org.longform.kernels.model.RopeSpec;
import org.longform.kernels.model.WeightNames;

/**
 * Gemma 3, text alone, or the text of those that see: as Gemma 2, with norms of each head's queries
 * and keys instead of soft caps; five of six layers have a window and rotate by a base of their
 * own, which is never scaled.
 */
public final class Gemma3Family implements ModelFamily {
  private static final Map<NormPlace, String> NORMS =
      Map.of(
          NormPlace.QUERY, "model.layers.%d.self_attn.q_norm",
          NormPlace.KEY, "model.layers.%d.self_attn.k_norm",
          NormPlace.AFTER_ATTENTION, "model.layers.%d.post_attention_layernorm",
          NormPlace.FEED_FORWARD, "model.layers.%d.pre_feedforward_layernorm",
          NormPlace.AFTER_FEED_FORWARD, "model.layers.%d.post_feedforward_layernorm");
  private static final Map<NormPlace, String> GGUF_NORMS =
      Map.of(
          NormPlace.QUERY, "blk.%d.attn_q_norm",
          NormPlace.KEY, "blk.%d.attn_k_norm",
          NormPlace.AFTER_ATTENTION, "blk.%d.post_attention_norm",
          NormPlace.AFTER_FEED_FORWARD, "blk.%d.post_ffw_norm");
  // the 27B model, whose scale GGUF files do not tell
  private static final long LARGEST_LAYERS = 62;
  private static final int PATTERN = 6;

  @Override
  public String name() {
    return "gemma3_text";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("Gemma3ForCausalLM");
  }

  // configuration_gemma3.py, Gemma3TextConfig; what is not here is so anyway
  @Override
  public Optional<MultimodalForm> multimodal() {
    return Optional.of(
        new MultimodalForm(
            Set.of("Gemma3ForConditionalGeneration"),
            Map.of(
                "vocab_size", 262208,
                "hidden_size", 2304,
                "intermediate_size", 9216,
                "num_hidden_layers", 26,
                "num_attention_heads", 8,
                "num_key_value_heads", 4,
                "head_dim", GemmaFamily.HEAD_DIM,
                "max_position_embeddings", 131072,
                "sliding_window", 4096)));
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(
        new GgufForm("gemma3", WeightNames.GGUF.with(GGUF_NORMS), Rope.Layout.HALF_SPLIT)
            .withWords(
                Map.of("sliding_window", "attention.sliding_window"),
                Map.of(
                    "attn_logit_softcapping", "attn_logit_softcapping",
                    "final_logit_softcapping", "final_logit_softcapping",
                    "rope_local_base_freq", "rope.freq_base_swa"))
            .implying(values -> Gemma2Family.impliedScalar(values, LARGEST_LAYERS)));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    config.requireFlag("use_bidirectional_attention", false, false);
    FamilyConfig family = new FamilyConfig(name(), GemmaFamily.withHeadDim(flat(config)));
    family.names(WeightNames.HUGGING_FACE.with(NORMS));
    family.traits(Trait.NORMS_AROUND_ONE);
    family.traitsIf("tie_word_embeddings", true, Trait.TIED_EMBEDDINGS);
    family.traitsIf("attention_bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS);
    family.design(
        LayerDesign.LLAMA
            .with(GemmaFamily.activation(config))
            .with(EnumSet.allOf(NormPlace.class))
            .with(
                new Scales(
                    GemmaFamily.embeddingScale(config), Gemma2Family.queryScale(config), 1, 1))
            .with(
                new SoftCaps(
                    Gemma2Family.softCap(config, "attn_logit_softcapping", 0),
                    Gemma2Family.softCap(config, "final_logit_softcapping", 0))));
    int pattern =
        config.countOr(
            config.has("_sliding_window_pattern")
                ? "_sliding_window_pattern"
                : "sliding_window_pattern",
            PATTERN);
    RopeSpec everywhere = family.rope().spec(1_000_000);
    LayerReach near = new LayerReach(family.window(), local(config, family));
    LayerReach far = LayerReach.everything(everywhere);
    List<Boolean> sliding = family.sliding(layer -> (layer + 1) % pattern != 0);
    return family.spec(everywhere, sliding.stream().map(each -> each ? near : far).toList());
  }

  /** Newer files have a section of positions for each kind of layer. */
  private static ModelConfig flat(ModelConfig config) {
    Optional<ModelConfig> sections = config.section("rope_parameters");
    Optional<ModelConfig> full = sections.flatMap(each -> each.section("full_attention"));
    return full.isEmpty() ? config : config.with(Map.of("rope_parameters", full.get().values()));
  }

  private static RopeSpec local(ModelConfig config, FamilyConfig family) {
    Optional<ModelConfig> own =
        config
            .section("rope_parameters")
            .flatMap(sections -> sections.section("sliding_attention"));
    if (own.isPresent()) {
      return new RopeConfig(config, family.headDim(), own).spec(10000);
    }
    // no scaling, and no base but this one
    ModelConfig plain =
        config.with(Map.of("rope_theta", config.numberOr("rope_local_base_freq", 10000)));
    return new RopeConfig(plain, family.headDim(), Optional.empty()).spec();
  }
}
