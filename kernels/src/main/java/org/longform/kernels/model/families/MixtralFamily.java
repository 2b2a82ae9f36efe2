package org.longform.kernels.model.families;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.ExpertSpec;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.LayerDesign;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.WeightNames;
import org.longform.kernels.model.WeightNames.Experts;

/** Mixtral: Mistral with sparse experts. GGUF files call it llama, and tell the experts. */
public final class MixtralFamily implements ModelFamily {
  static final Experts GGUF_EXPERTS =
      new Experts(
          "blk.%d.ffn_gate_inp",
          "blk.%d.ffn_gate.%e",
          "blk.%d.ffn_up.%e",
          "blk.%d.ffn_down.%e",
          List.of("blk.%d.ffn_gate_exps", "blk.%d.ffn_up_exps", "blk.%d.ffn_down_exps"));
  private static final String COUNT = "num_local_experts";
  private static final String CHOSEN = "num_experts_per_tok";
  private static final int MOST = 1024;
  // of each of them names are made before any weight was found
  private static final long MOST_IN_ALL = 1 << 16;

  @Override
  public String name() {
    return "mixtral";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("MixtralForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(
        new GgufForm("llama", WeightNames.GGUF.with(GGUF_EXPERTS), Rope.Layout.INTERLEAVED)
            .withWords(Map.of(COUNT, "expert_count", CHOSEN, "expert_used_count"), Map.of()));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), config);
    family
        .names(
            WeightNames.HUGGING_FACE.with(
                new Experts(
                    "model.layers.%d.block_sparse_moe.gate",
                    "model.layers.%d.block_sparse_moe.experts.%e.w1",
                    "model.layers.%d.block_sparse_moe.experts.%e.w3",
                    "model.layers.%d.block_sparse_moe.experts.%e.w2",
                    List.of())))
        .epsilon("rms_norm_eps", 1e-5);
    family.traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS);
    family.design(
        LayerDesign.LLAMA
            .with(FamilyConfig.activation(config, "hidden_act", "silu"))
            .with(experts(config, COUNT, 8, CHOSEN, 2)));
    return family.spec(1_000_000, family.sliding(layer -> true));
  }

  /** The experts that two keys tell. */
  static ExpertSpec experts(
      ModelConfig config, String countKey, int count, String chosenKey, int chosen) {
    ExpertSpec experts =
        new ExpertSpec(config.countOr(countKey, count), config.countOr(chosenKey, chosen));
    if (experts.count() > MOST) {
      throw config.invalid(countKey, "a whole number from 1 to " + MOST);
    }
    int layers = config.count("num_hidden_layers");
    if ((long) layers * experts.count() > MOST_IN_ALL) {
      throw config.invalid(
          countKey, "at most %d in each of %d layers".formatted(MOST_IN_ALL / layers, layers));
    }
    if (experts.chosen() > experts.count()) {
      throw config.invalid(chosenKey, "at most " + experts.count());
    }
    return experts;
  }
}
