package org.longform.kernels.model.families;

import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.LayerDesign;
import org.longform.kernels.model.LayerDesign.Scales;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.WeightNames;
import org.longform.kernels.tensor.HalfFloats;

/**
 * Gemma: Llama with scaled embeddings, norms whose factors are stored around one, and GELU in its
 * gates.
 */
public final class GemmaFamily implements ModelFamily {
  static final int HEAD_DIM = 256;

  @Override
  public String name() {
    return "gemma";
  }

  @Override
  public Set<String> architectures() {
    return Set.of("GemmaForCausalLM");
  }

  @Override
  public Optional<GgufForm> gguf() {
    return Optional.of(new GgufForm("gemma", WeightNames.GGUF, Rope.Layout.HALF_SPLIT));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    return family(name(), config, 0).spec(10000);
  }

  /**
   * What all Gemmas have in common.
   *
   * @param attentionScale factor on q·k; 0 for the usual one
   */
  static FamilyConfig family(String name, ModelConfig config, double attentionScale) {
    return new FamilyConfig(name, config.withDefault("head_dim", HEAD_DIM))
        .traits(Trait.NORMS_AROUND_ONE)
        .traitsIf("tie_word_embeddings", true, Trait.TIED_EMBEDDINGS)
        .traitsIf("attention_bias", false, Trait.QKV_BIAS, Trait.OUTPUT_BIAS)
        .design(
            LayerDesign.LLAMA
                // hidden_act of its first files says gelu, which nobody has ever computed
                .with(FamilyConfig.activation(config, "hidden_activation", "gelu_pytorch_tanh"))
                .with(new Scales(embeddingScale(config), attentionScale, 1, 1)));
  }

  /** The root of the width, in the numbers that the model was trained with. */
  private static double embeddingScale(ModelConfig config) {
    double scale = Math.sqrt(config.count("hidden_size"));
    String dtype = config.text("torch_dtype").or(() -> config.text("dtype")).orElse("float32");
    return switch (dtype) {
      case "bfloat16" -> HalfFloats.fromBf16(HalfFloats.toBf16((float) scale));
      case "float16" -> HalfFloats.fromF16(HalfFloats.toF16((float) scale));
      default -> (float) scale;
    };
  }
}
