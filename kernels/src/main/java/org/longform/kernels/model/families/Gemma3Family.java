package org.longform.kernels.model.families;

import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
import org.longform.kernels.model.LayerDesign.SoftCaps;
import org.longform.kernels.model.LayerReach;
import org.longform.kernels.model.ModelConfig;
import org.longform.kernels.model.ModelFamily;
import org.longform.kernels.model.MultimodalForm;
import org.longform.kernels.model.NormPlace;
import org.longform.kernels.model.RopeConfig;
import org.longform.kernels.model.RopeSpec;

/**
 * Gemma 3, text alone, or the text of those that see: as Gemma 2, with norms of each head's queries
 * and keys instead of soft caps; five of six layers have a window and rotate by a base of their
 * own, which is never scaled.
 */
public final class Gemma3Family implements ModelFamily {
  // the 27B model, whose scale GGUF files do not tell
  private static final long LARGEST_LAYERS = 62;
  private static final int PATTERN = 6;
  private static final String LOCAL_BASE = "rope_local_base_freq";

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
        Gemma2Family.gguf("gemma3", LARGEST_LAYERS, Map.of(LOCAL_BASE, "rope.freq_base_swa")));
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    config.requireFlag("use_bidirectional_attention", false, false);
    FamilyConfig family =
        Gemma2Family.family(name(), flat(config), EnumSet.allOf(NormPlace.class), SoftCaps.NONE);
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
    ModelConfig plain = config.with(Map.of("rope_theta", config.numberOr(LOCAL_BASE, 10000)));
    return new RopeConfig(plain, family.headDim(), Optional.empty()).spec();
  }
}
