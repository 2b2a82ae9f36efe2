package org.longform.kernels.model.families;

import java.util.Optional;
import java.util.Set;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.LayerDesign;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;

/**
 * Mistral: Llama with a window of its own in every layer, which later versions (v0.2 on, Nemo) do
 * not have. GGUF files call it llama, and have no word for the window.
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
