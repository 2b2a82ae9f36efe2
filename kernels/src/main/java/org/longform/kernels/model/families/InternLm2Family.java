package org.longform.kernels.model.families;

import java.util.List;
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
 * InternLM 2 and 2.5: Llama with queries, keys and values in one stored matrix, in which each
 * key/value head has its queries, its key and its value side by side.
 */
public final class InternLm2Family implements ModelFamily {
  private static final WeightNames.Attention ATTENTION =
      new WeightNames.Attention(
          "model.layers.%d.attention_norm",
          "model.layers.%d.attention.wqkv.q",
          "model.layers.%d.attention.wqkv.k",
          "model.layers.%d.attention.wqkv.v",
          "model.layers.%d.attention.wo");
  private static final WeightNames NAMES =
      new WeightNames(
              "model.tok_embeddings",
              "model.norm",
              "output",
              ATTENTION,
              new WeightNames.FeedForward(
                  "model.layers.%d.ffn_norm",
                  "model.layers.%d.feed_forward.w1",
                  "model.layers.%d.feed_forward.w3",
                  "model.layers.%d.feed_forward.w2"))
          .with(
              new Fused(
                  "model.layers.%d.attention.wqkv",
                  List.of(ATTENTION.query(), ATTENTION.key(), ATTENTION.value()), Order.HEADS));

  @Override
  public String name() {
    return "internlm2";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("InternLM2ForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(new GgufForm("internlm2", WeightNames.GGUF, Rope.Layout.INTERLEAVED));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), config);
    family.names(NAMES);
    family.traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS);
    family.traitsIf("bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS);
    family.design(LayerDesign.LLAMA.with(FamilyConfig.activation(config, "hidden_act", "silu")));
    return family.spec(10000);
  }
}
