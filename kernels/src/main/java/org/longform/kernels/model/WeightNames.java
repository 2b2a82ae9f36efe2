package org.longform.kernels.model;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Names of the weights in the model files, without the endings {@code .weight} and {@code .bias};
 * in those of a layer {@code %d} stands for its index, from 0, in those of an expert {@code %e} for
 * the expert's.
 *
 * @param otherNorms of norms that only some models have, or that go before the usual names
 * @param experts of models with sparse experts
 * @param fused which of the weights lie in one stored matrix
 */
public record WeightNames(
    String embedding,
    String finalNorm,
    String head,
    Attention attention,
    FeedForward feedForward,
    Map<NormPlace, String> otherNorms,
    Optional<Experts> experts,
    List<Fused> fused) {

  /** What the names of weights of a text part begin with; transformers since 4.52 has another. */
  static final String BEFORE = "language_model.";

  private static final String WITHIN = "model.language_model.";
  private static final String MODEL = "model.";
  private static final String HEAD = "lm_head.";

  /** Names in the attention half of a layer. */
  public record Attention(String norm, String query, String key, String value, String output) {}

  /** Names in the feed-forward half of a layer. */
  public record FeedForward(String norm, String gate, String up, String down) {}

  /**
   * Names of experts.
   *
   * @param router the matrix that scores them, (E, M)
   * @param stacks where the matrices of all experts of a layer lie one behind the other, in the
   *     order of {@link #matrices}; empty if each is a tensor
   */
  public record Experts(String router, String gate, String up, String down, List<String> stacks) {
    public Experts {
      stacks = List.copyOf(stacks);
    }

    List<String> matrices() {
      return List.of(gate, up, down);
    }
  }

  /**
   * Matrices that are stored as one: rows of the parts behind each other. Their biases are, too.
   *
   * @param stored its name
   * @param parts what is in it, each under the name that it would have alone
   */
  public record Fused(String stored, List<String> parts, Order order) {
    public Fused {
      parts = List.copyOf(parts);
    }
  }

  /** How the rows of parts follow each other. */
  public enum Order {
    /** All rows of a part, then those of the next. */
    PARTS,
    /** For each key/value head its rows of each part. */
    HEADS
  }

  public WeightNames {
    otherNorms = Map.copyOf(otherNorms);
    fused = List.copyOf(fused);
  }

  /** Names of a model without peculiarities. */
  public WeightNames(
      String embedding,
      String finalNorm,
      String head,
      Attention attention,
      FeedForward feedForward) {
    this(embedding, finalNorm, head, attention, feedForward, Map.of(), Optional.empty(), List.of());
  }

  /** The same with other names of some norms. */
  public WeightNames with(Map<NormPlace, String> norms) {
    Map<NormPlace, String> all = new HashMap<>(otherNorms);
    all.putAll(norms);
    return new WeightNames(embedding, finalNorm, head, attention, feedForward, all, experts, fused);
  }

  public WeightNames with(FeedForward other) {
    return new WeightNames(
        embedding, finalNorm, head, attention, other, otherNorms, experts, fused);
  }

  public WeightNames with(Experts some) {
    return new WeightNames(
        embedding, finalNorm, head, attention, feedForward, otherNorms, Optional.of(some), fused);
  }

  public WeightNames with(Fused... matrices) {
    return new WeightNames(
        embedding, finalNorm, head, attention, feedForward, otherNorms, experts, List.of(matrices));
  }

  /** The pattern of a norm's name. */
  String norm(NormPlace place) {
    return switch (place) {
      case ATTENTION -> otherNorms.getOrDefault(place, attention.norm);
      case FEED_FORWARD -> otherNorms.getOrDefault(place, feedForward.norm);
      default -> otherNorms.get(place);
    };
  }

  /**
   * What a weight or module of a checkpoint that sees, too, would be called if its text part were
   * alone; empty if it is of another part.
   */
  public static Optional<String> ofTextPart(String name) {
    if (name.startsWith(WITHIN)) {
      return Optional.of(MODEL + name.substring(WITHIN.length()));
    }
    if (name.startsWith(BEFORE)) {
      return Optional.of(name.substring(BEFORE.length()));
    }
    return Optional.of(name).filter(each -> each.startsWith(HEAD));
  }

  static String ofLayer(String pattern, int layer) {
    return pattern.replace("%d", Integer.toString(layer));
  }

  static String ofExpert(String pattern, int layer, int expert) {
    return ofLayer(pattern, layer).replace("%e", Integer.toString(expert));
  }

  /** The same names with the index of one layer in place: what they are formatted with is lost. */
  WeightNames ofLayer(int layer) {
    return new WeightNames(
        embedding,
        finalNorm,
        head,
        new Attention(
            ofLayer(attention.norm, layer),
            ofLayer(attention.query, layer),
            ofLayer(attention.key, layer),
            ofLayer(attention.value, layer),
            ofLayer(attention.output, layer)),
        new FeedForward(
            ofLayer(feedForward.norm, layer),
            ofLayer(feedForward.gate, layer),
            ofLayer(feedForward.up, layer),
            ofLayer(feedForward.down, layer)),
        otherNorms.entrySet().stream()
            .collect(Collectors.toMap(Map.Entry::getKey, each -> ofLayer(each.getValue(), layer))),
        experts.map(
            some ->
                new Experts(
                    ofLayer(some.router, layer),
                    ofLayer(some.gate, layer),
                    ofLayer(some.up, layer),
                    ofLayer(some.down, layer),
                    some.stacks.stream().map(each -> ofLayer(each, layer)).toList())),
        // who asks for a layer has the parts already
        List.of());
  }

  /**
   * The names that Hugging Face gives to Llama and its many relatives. Those with a norm behind the
   * attention half have another name for the one before the feed-forward half, or none there.
   */
  public static final WeightNames HUGGING_FACE =
      new WeightNames(
              "model.embed_tokens",
              "model.norm",
              "lm_head",
              new Attention(
                  "model.layers.%d.input_layernorm",
                  "model.layers.%d.self_attn.q_proj",
                  "model.layers.%d.self_attn.k_proj",
                  "model.layers.%d.self_attn.v_proj",
                  "model.layers.%d.self_attn.o_proj"),
              new FeedForward(
                  "model.layers.%d.post_attention_layernorm",
                  "model.layers.%d.mlp.gate_proj",
                  "model.layers.%d.mlp.up_proj",
                  "model.layers.%d.mlp.down_proj"))
          .with(
              Map.of(
                  NormPlace.QUERY, "model.layers.%d.self_attn.q_norm",
                  NormPlace.KEY, "model.layers.%d.self_attn.k_norm",
                  NormPlace.AFTER_ATTENTION, "model.layers.%d.post_attention_layernorm",
                  NormPlace.AFTER_FEED_FORWARD, "model.layers.%d.post_feedforward_layernorm"));

  /** The names in GGUF files (gguf.md, "Standardized tensor names"). */
  public static final WeightNames GGUF =
      new WeightNames(
              "token_embd",
              "output_norm",
              "output",
              new Attention(
                  "blk.%d.attn_norm",
                  "blk.%d.attn_q", "blk.%d.attn_k", "blk.%d.attn_v", "blk.%d.attn_output"),
              new FeedForward(
                  "blk.%d.ffn_norm", "blk.%d.ffn_gate", "blk.%d.ffn_up", "blk.%d.ffn_down"))
          .with(
              Map.of(
                  NormPlace.QUERY, "blk.%d.attn_q_norm",
                  NormPlace.KEY, "blk.%d.attn_k_norm",
                  NormPlace.AFTER_ATTENTION, "blk.%d.post_attention_norm",
                  NormPlace.AFTER_FEED_FORWARD, "blk.%d.post_ffw_norm"));
}
