package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** Granite 3: Llama with a factor on the embeddings, on what each half of a layer adds, on the products of
  * queries and keys, and on the logits (modeling_granite.py).
  */
object GraniteCases {

  private val granite3 = """{
    "architectures": ["GraniteForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.1,
    "attention_multiplier": 0.0625,
    "bos_token_id": 0,
    "embedding_multiplier": 12.0,
    "eos_token_id": 0,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "logits_scaling": 8.0,
    "max_position_embeddings": 131072,
    "mlp_bias": false,
    "model_type": "granite",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "residual_multiplier": 0.22,
    "rms_norm_eps": 1e-05,
    "rope_scaling": null,
    "rope_theta": 5000000.0,
    "tie_word_embeddings": true,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.46.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val (dims, epsilon) = (headDim(s), s.number("rms_norm_eps"))
    val turning = NaiveRope.plain(dims, s.number("rope_theta"))
    val added = s.number("residual_multiplier")
    var stream = text.map { id =>
      scaled(
        row(c("model.embed_tokens.weight"), id, s.int("hidden_size")),
        s.number("embedding_multiplier")
      )
    }
    for (p <- (0 until s.int("num_hidden_layers")).map(layer)) {
      val inputs = stream.map(rmsNorm(_, c(p + "input_layernorm.weight"), epsilon))
      def heads(part: String) = inputs.map(x => split(linear(c(p + s"self_attn.$part.weight"), x), dims))
      def turned(part: String) = heads(part).zipWithIndex.map { case (each, t) =>
        each.map(turnHalves(_, t, turning))
      }
      val mixed = attention(
        turned("q_proj"),
        turned("k_proj"),
        heads("v_proj"),
        causal,
        (_, _, _, product) => product * s.number("attention_multiplier")
      )
      stream = stream.zip(mixed).map { case (x, m) =>
        val y = plus(x, scaled(linear(c(p + "self_attn.o_proj.weight"), m), added))
        val z = rmsNorm(y, c(p + "post_attention_layernorm.weight"), epsilon)
        val gate = linear(c(p + "mlp.gate_proj.weight"), z).map(silu)
        val inner = times(gate, linear(c(p + "mlp.up_proj.weight"), z))
        plus(y, scaled(linear(c(p + "mlp.down_proj.weight"), inner), added))
      }
    }
    val head = if (s.flag("tie_word_embeddings")) "model.embed_tokens.weight" else "lm_head.weight"
    stream.map { x =>
      linear(c(head), rmsNorm(x, c("model.norm.weight"), epsilon)).map(_ / s.number("logits_scaling"))
    }
  }

  private def entry(name: String, config: String, seed: Long): FamilyCase = {
    val c = LlamaCases.random(config, "BF16", seed)
    val s = c.settings
    val scales = Seq(
      "attention.scale" -> "attention_multiplier",
      "embedding_scale" -> "embedding_multiplier",
      "residual_scale" -> "residual_multiplier",
      "logit_scale" -> "logits_scaling"
    ).map { case (key, word) => key -> s.number(word) }
    val gguf = GgufCopy(
      "granite",
      s.int("vocab_size"),
      (GgufCopy.sizes(s) :+ GgufCopy.rotated(s)) ++ scales,
      GgufCopy.llamaTensors(c)
    )
    FamilyCase(name, c, naive(c), Some(gguf))
  }

  val ALL: Seq[FamilyCase] = Seq(
    entry("Granite 3.1 2B", granite3, 81),
    entry(
      "Granite 3.1 8B",
      granite3
        .replace("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false")
        .replace("\"logits_scaling\": 8.0", "\"logits_scaling\": 16.0"),
      82
    )
  )
}
