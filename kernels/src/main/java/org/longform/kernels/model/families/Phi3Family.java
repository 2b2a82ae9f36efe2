package org.longform.kernels.model.families;

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
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.WeightNames;
import org.longform.kernels.model.WeightNames.Fused;
import org.longform.kernels.model.WeightNames.Order;

/**
 * Phi 3, 3.5 and 4-mini: Llama with queries, keys and values in one stored matrix, gate and up in
 * another, a window in every layer, and two lists of factors for its rotations.
 */
public final class Phi3Family implements ModelFamily {
  private static final WeightNames NAMES =
      WeightNames.HUGGING_FACE.with(
          fused("model.layers.%d.self_attn.qkv_proj", WeightNames.HUGGING_FACE),
          new Fused(
              "model.layers.%d.mlp.gate_up_proj",
              List.of(
                  WeightNames.HUGGING_FACE.feedForward().gate(),
                  WeightNames.HUGGING_FACE.feedForward().up()),
              Order.PARTS));
  // "ffn_up" is the name of both matrices together there
  private static final WeightNames.FeedForward GGUF_PARTS =
      new WeightNames.FeedForward(
          "blk.%d.ffn_norm", "blk.%d.ffn_up.gate", "blk.%d.ffn_up.up", "blk.%d.ffn_down");
  private static final WeightNames GGUF_NAMES =
      WeightNames.GGUF
          .with(GGUF_PARTS)
          .with(
              fused("blk.%d.attn_qkv", WeightNames.GGUF),
              new Fused("blk.%d.ffn_up", List.of(GGUF_PARTS.gate(), GGUF_PARTS.up()), Order.PARTS));

  /** Queries, keys and values as one matrix. */
  static Fused fused(String stored, WeightNames names) {
    return new Fused(
        stored,
        List.of(names.attention().query(), names.attention().key(), names.attention().value()),
        Order.PARTS);
  }

  @Override
  public String name() {
    return "phi3";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("Phi3ForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(
        new GgufForm("phi3", GGUF_NAMES, Rope.Layout.HALF_SPLIT)
            .withWords(Map.of("sliding_window", "attention.sliding_window"), Map.of()));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), config);
    family.names(NAMES).epsilon("rms_norm_eps", 1e-5);
    family.traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS);
    family.design(LayerDesign.LLAMA.with(FamilyConfig.activation(config, "hidden_act", "silu")));
    return family.spec(10000, family.sliding(layer -> true));
  }
}
