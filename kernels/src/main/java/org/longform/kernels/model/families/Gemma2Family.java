package org.longform.kernels.model.families;

import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.FamilyConfig;
import org.longform.kernels.model.GgufForm;
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
  private static final WeightNames NAMES =
      WeightNames.HUGGING_FACE.with(
          Map.of(NormPlace.FEED_FORWARD, "model.layers.%d.pre_feedforward_layernorm"));
  private static final long WINDOW = 4096;
  // the 27B model, whose scale GGUF files do not tell
  private static final long LARGEST_LAYERS = 46;
  private static final double QUERY_SCALAR = 256;
  private static final String ATTENTION_CAP = "attn_logit_softcapping";
  private static final String LOGIT_CAP = "final_logit_softcapping";

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
    return Optional.of(gguf("gemma2", LARGEST_LAYERS, Map.of()));
  }

  /**
   * How GGUF files hold it and its successor.
   *
   * @param largestLayers of the largest published model
   * @param more words for numbers
   */
  static GgufForm gguf(String architecture, long largestLayers, Map<String, String> more) {
    Map<String, String> numbers = new HashMap<>(more);
    numbers.put(ATTENTION_CAP, ATTENTION_CAP);
    numbers.put(LOGIT_CAP, LOGIT_CAP);
    return new GgufForm(architecture, WeightNames.GGUF, Rope.Layout.HALF_SPLIT)
        .withWords(Map.of("sliding_window", "attention.sliding_window"), numbers)
        .implying(values -> impliedScalar(values, largestLayers));
  }

  /** What llama.cpp divides by: a head's width, or the part of M that a head of the largest has. */
  private static void impliedScalar(Map<String, Object> values, long largestLayers) {
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
    FamilyConfig family =
        family(
            name(),
            config,
            EnumSet.complementOf(EnumSet.of(NormPlace.QUERY, NormPlace.KEY)),
            new SoftCaps(50, 30));
    return family.spec(10000, family.sliding(layer -> layer % 2 == 0));
  }

  /**
   * What it and its successor have in common.
   *
   * @param norms where a layer has one
   * @param otherwise bounds of a file that does not speak of them
   */
  static FamilyConfig family(
      String name, ModelConfig config, Set<NormPlace> norms, SoftCaps otherwise) {
    double scale = 1 / Math.sqrt(config.numberOr("query_pre_attn_scalar", QUERY_SCALAR));
    SoftCaps caps =
        new SoftCaps(
            softCap(config, ATTENTION_CAP, otherwise.attention()),
            softCap(config, LOGIT_CAP, otherwise.logits()));
    FamilyConfig family = GemmaFamily.family(name, config, scale);
    return family.names(NAMES).usualWindow(WINDOW).design(family.design().with(norms).with(caps));
  }

  /** Null is none. */
  private static double softCap(ModelConfig config, String key, double otherwise) {
    return config.has(key) ? config.number(key) : config.isNull(key) ? 0 : otherwise;
  }
}
