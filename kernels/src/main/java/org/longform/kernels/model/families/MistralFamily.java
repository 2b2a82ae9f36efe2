package org.longform.kernels.model.families;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.LayerDesign;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.MultimodalForm;

/**
 * Mistral: Llama with a window of its own in every layer, which later versions (v0.2 on, Nemo,
 * Small) do not have. Small 3.1 is the text part of a checkpoint that sees, too. GGUF files call it
 * llama, and have no word for the window.
 */
public final class MistralFamily implements ModelFamily {
  private static final long WINDOW = 4096;

  @Override
  public String name() {
    return "mistral";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("MistralForCausalLM");
  }

  // configuration_mistral.py, MistralConfig; what is not here is so anyway
  @Override
  public Optional<MultimodalForm> multimodal() {
    return Optional.of(
        new MultimodalForm(
            Set.of("Mistral3ForConditionalGeneration"),
            Map.of(
                "vocab_size", 32000,
                "hidden_size", 4096,
                "intermediate_size", 14336,
                "num_hidden_layers", 32,
                "num_attention_heads", 32,
                "num_key_value_heads", 8,
                "max_position_embeddings", 131072,
                "sliding_window", 4096)));
  }

  // a file with the window is not written: nobody would read it
  @Override
  public Optional<GgufForm> gguf() {
    return new LlamaFamily().gguf();
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    FamilyConfig family = new FamilyConfig(name(), config).usualWindow(WINDOW);
    family.traitsIf("tie_word_embeddings", false, Trait.TIED_EMBEDDINGS);
    family.design(LayerDesign.LLAMA.with(FamilyConfig.activation(config, "hidden_act", "silu")));
    return family.spec(10000, family.sliding(layer -> true));
  }
}
