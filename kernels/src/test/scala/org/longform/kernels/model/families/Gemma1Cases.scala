package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.Checkpoint.gainAboveOne
import org.longform.kernels.model.families.GemmaCases.{embeddingScale, normed, output}
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** Gemma: Llama with GELU, norms that multiply by one more than their weights, and the embeddings times the
  * root of the width (modeling_gemma.py). That hidden_act is the exact GELU was never true.
  */
object Gemma1Cases {

  private val gemma = """{
    "architectures": ["GemmaForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "head_dim": 24,
    "hidden_act": "gelu",
    "hidden_activation": null,
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 8192,
    "model_type": "gemma",
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 1,
    "pad_token_id": 0,
    "rms_norm_eps": 1e-06,
    "rope_scaling": null,
    "rope_theta": 10000.0,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.38.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private def random(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val width = s.int("hidden_size")
    Checkpoint.random(config, "BF16", seed) {
      outside(s, tied = true) ++ (0 until s.int("num_hidden_layers")).map(layer).flatMap { p =>
        Seq(
          gainAboveOne(p + "input_layernorm", width),
          gainAboveOne(p + "post_attention_layernorm", width)
        ) ++
          projections(p, s) ++ gatedFeedForward(p, s)
      } :+ gainAboveOne("model.norm", width)
    }
  }

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val (width, dims) = (s.int("hidden_size"), s.int("head_dim"))
    val turning = NaiveRope.plain(dims, s.number("rope_theta"))
    var stream = text.map(id => scaled(row(c("model.embed_tokens.weight"), id, width), embeddingScale(s)))
    for (p <- (0 until s.int("num_hidden_layers")).map(layer)) {
      val inputs = stream.map(normed(c, p + "input_layernorm", _))
      def heads(part: String) = inputs.map(x => split(linear(c(p + s"self_attn.$part.weight"), x), dims))
      def turned(part: String) = heads(part).zipWithIndex.map { case (each, t) =>
        each.map(turnHalves(_, t, turning))
      }
      val mixed = attention(
        turned("q_proj"),
        turned("k_proj"),
        heads("v_proj"),
        causal,
        (_, _, _, product) => product / math.sqrt(dims.toDouble)
      )
      stream = stream.zip(mixed).map { case (x, m) =>
        val y = plus(x, linear(c(p + "self_attn.o_proj.weight"), m))
        val z = normed(c, p + "post_attention_layernorm", y)
        val gate = linear(c(p + "mlp.gate_proj.weight"), z).map(geluTanh)
        plus(y, linear(c(p + "mlp.down_proj.weight"), times(gate, linear(c(p + "mlp.up_proj.weight"), z))))
      }
    }
    stream.map(output(c, _))
  }

  val ALL: Seq[FamilyCase] = {
    val c = random(gemma, 121)
    Seq(FamilyCase("Gemma 7B", c, naive(c), Some(GemmaCases.gguf("gemma", "ffn_norm", c, Nil))))
  }
}
