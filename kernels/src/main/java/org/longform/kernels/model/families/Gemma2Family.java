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
import org.longform.kernels.model.LayerDesign.Scales;
import org.longform.kernels.model.LayerDesign.SoftCaps;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.NormPlace;
import org.longform.kernels.model.WeightNames;

/**
 * Gemma 2: as Gemma, with norms behind both halves of a layer, soft caps, a scale of its own on
 * q·k, and a window in every other layer.
 */
public final class Gemma2Family implements ModelFamily {
  private static final Map<NormPlace, String> NORMS =
      Map.of(
          NormPlace.AFTER_ATTENTION, "model.layers.%d.post_attention_layernorm",
          NormPlace.FEED_FORWARD, "model.layers.%d.pre_feedforward_layernorm",
          NormPlace.AFTER_FEED_FORWARD, "model.layers.%d.post_feedforward_layernorm");
  private static final Map<NormPlace, String> GGUF_NORMS =
      Map.of(
          NormPlace.AFTER_ATTENTION, "blk.%d.post_attention_norm",
          NormPlace.AFTER_FEED_FORWARD, "blk.%d.post_ffw_norm");
  // the 27B model, whose scale GGUF files do not tell
  private static final long LARGEST_LAYERS = 46;
  private static final double QUERY_SCALAR = 256;

  @Override
  public String name() {
    return "gemma2";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("Gemma2ForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(
        new GgufForm("gemma2", WeightNames.GGUF.with(GGUF_NORMS), Rope.Layout.HALF_SPLIT)
            .withWords(
                Map.of("sliding_window", "attention.sliding_window"),
                Map.of(
                    "attn_logit_softcapping", "attn_logit_softcapping",
                    "final_logit_softcapping", "final_logit_softcapping"))
            .implying(values -> impliedScalar(values, LARGEST_LAYERS)));
  }

  /** What llama.cpp divides by: a head's width, or the part of M that a head of the largest has. */
  static void impliedScalar(Map<String, Object> values, long largestLayers) {
    boolean largest = Long.valueOf(largestLayers).equals(values.get("num_hidden_layers"));
    if (largest
        && values.get("hidden_size") instanceof Long hidden
        && values.get("num_attention_heads") instanceof Long heads) {
      values.put("query_pre_attn_scalar", (double) hidden / heads);
    } else if (values.get("head_dim") instanceof Long headDim) {
      values.put("query_pre_attn_scalar", headDim);
    }
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), GemmaFamily.withHeadDim(config));
    family.names(WeightNames.HUGGING_FACE.with(NORMS));
    family.traits(Trait.NORMS_AROUND_ONE);
    family.traitsIf("tie_word_embeddings", true, Trait.TIED_EMBEDDINGS);
    family.traitsIf("attention_bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS);
    family.design(
        LayerDesign.LLAMA
            .with(GemmaFamily.activation(config))
            .with(
                EnumSet.of(
                    NormPlace.ATTENTION,
                    NormPlace.AFTER_ATTENTION,
                    NormPlace.FEED_FORWARD,
                    NormPlace.AFTER_FEED_FORWARD))
            .with(new Scales(GemmaFamily.embeddingScale(config), queryScale(config), 1, 1))
            .with(
                new SoftCaps(
                    softCap(config, "attn_logit_softcapping", 50),
                    softCap(config, "final_logit_softcapping", 30))));
    return family.spec(10000, family.sliding(layer -> layer % 2 == 0));
  }

  static double queryScale(ModelConfig config) {
    return 1 / Math.sqrt(config.numberOr("query_pre_attn_scalar", QUERY_SCALAR));
  }

  /** Null is none; a file that does not speak of it means the published one. */
  static double softCap(ModelConfig config, String key, double otherwise) {
    return config.has(key) ? config.number(key) : config.values().containsKey(key) ? 0 : otherwise;
  }
}
