package org.longform.kernels.model;

/**
 * Names of the weights in the model files, without the endings {@code .weight} and {@code .bias};
 * in those of a layer {@code %d} stands for its index, from 0.
 */
public record WeightNames(
    String embedding, String finalNorm, String head, Attention attention, FeedForward feedForward) {

  /** Names in the attention half of a layer. */
  public record Attention(String norm, String query, String key, String value, String output) {}

  /** Names in the feed-forward half of a layer. */
  public record FeedForward(String norm, String gate, String up, String down) {}

  /** The same names with the index of one layer in place: what they are formatted with is lost. */
  WeightNames ofLayer(int layer) {
    return new WeightNames(
        embedding,
        finalNorm,
        head,
        new Attention(
            attention.norm.formatted(layer),
            attention.query.formatted(layer),
            attention.key.formatted(layer),
            attention.value.formatted(layer),
            attention.output.formatted(layer)),
        new FeedForward(
            feedForward.norm.formatted(layer),
            feedForward.gate.formatted(layer),
            feedForward.up.formatted(layer),
            feedForward.down.formatted(layer)));
  }

  /** The names that Hugging Face gives to Llama and its many relatives. */
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
              "model.layers.%d.mlp.down_proj"));

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
              "blk.%d.ffn_norm", "blk.%d.ffn_gate", "blk.%d.ffn_up", "blk.%d.ffn_down"));
}
