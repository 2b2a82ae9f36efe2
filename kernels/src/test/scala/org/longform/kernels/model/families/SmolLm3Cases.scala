package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** SmolLM 3: every fourth layer leaves queries and keys unturned (modeling_smollm3.py,
  * configuration_smollm3.py). The tensors are those of Llama.
  */
object SmolLm3Cases {

  private val smolLm3 = """{
    "architectures": ["SmolLM3ForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "eos_token_id": 128012,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "layer_types": [
      "full_attention", "full_attention", "full_attention", "full_attention", "full_attention"
    ],
    "max_position_embeddings": 65536,
    "max_window_layers": 28,
    "mlp_bias": false,
    "model_type": "smollm3",
    "no_rope_layer_interval": 4,
    "no_rope_layers": [1, 1, 1, 0, 1],
    "num_attention_heads": 6,
    "num_hidden_layers": 5,
    "num_key_value_heads": 2,
    "pad_token_id": 128012,
    "pretraining_tp": 2,
    "rms_norm_eps": 1e-06,
    "rope_scaling": null,
    "rope_theta": 5000000.0,
    "sliding_window": null,
    "tie_word_embeddings": true,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.54.0.dev0",
    "use_cache": true,
    "use_sliding_window": false,
    "vocab_size": 101
  }"""

  private def isTurned(s: Settings, l: Int): Boolean =
    if (s.has("no_rope_layers")) s.numbers("no_rope_layers")(l) == 1
    else (l + 1) % s.int("no_rope_layer_interval") != 0

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val (dims, epsilon) = (headDim(s), s.number("rms_norm_eps"))
    val turning = NaiveRope.plain(dims, s.number("rope_theta"))
    var stream = text.map(row(c("model.embed_tokens.weight"), _, s.int("hidden_size")))
    for (l <- 0 until s.int("num_hidden_layers")) {
      val p = layer(l)
      val inputs = stream.map(rmsNorm(_, c(p + "input_layernorm.weight"), epsilon))
      def heads(part: String) = inputs.map(x => split(linear(c(p + s"self_attn.$part.weight"), x), dims))
      def placed(part: String) = heads(part).zipWithIndex.map { case (each, t) =>
        if (isTurned(s, l)) each.map(turnHalves(_, t, turning)) else each
      }
      val mixed = attention(
        placed("q_proj"),
        placed("k_proj"),
        heads("v_proj"),
        causal,
        (_, _, _, product) => product / math.sqrt(dims.toDouble)
      )
      stream = stream.zip(mixed).map { case (x, m) =>
        val y = plus(x, linear(c(p + "self_attn.o_proj.weight"), m))
        val z = rmsNorm(y, c(p + "post_attention_layernorm.weight"), epsilon)
        val gate = linear(c(p + "mlp.gate_proj.weight"), z).map(silu)
        plus(y, linear(c(p + "mlp.down_proj.weight"), times(gate, linear(c(p + "mlp.up_proj.weight"), z))))
      }
    }
    stream.map(x => linear(c("model.embed_tokens.weight"), rmsNorm(x, c("model.norm.weight"), epsilon)))
  }

  private def entry(name: String, c: Checkpoint): FamilyCase = {
    val s = c.settings
    // llama.cpp turns all layers but every fourth, whatever the list says
    val usual = (0 until s.int("num_hidden_layers")).forall(l => isTurned(s, l) == ((l + 1) % 4 != 0))
    val gguf =
      GgufCopy(
        "smollm3",
        s.int("vocab_size"),
        GgufCopy.sizes(s) :+ GgufCopy.rotated(s),
        GgufCopy.llamaTensors(c)
      )
    FamilyCase(name, c, naive(c), if (usual) Some(gguf) else None)
  }

  val ALL: Seq[FamilyCase] = Seq(
    entry("SmolLM 3", LlamaCases.random(smolLm3, "BF16", 61)),
    entry(
      "SmolLM 3 with another interval",
      LlamaCases
        .random(smolLm3, "BF16", 62)
        .where("no_rope_layers" -> "null", "layer_types" -> "null", "no_rope_layer_interval" -> "2")
    ),
    entry(
      "SmolLM 3 with other layers unturned",
      LlamaCases.random(smolLm3, "BF16", 63).where("no_rope_layers" -> "[0, 1, 1, 0, 0]")
    )
  )
}
