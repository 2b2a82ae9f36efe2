package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.Checkpoint.gain
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** OLMo 2: norms after attention and feed-forward part and none before them, norms over all queries and all
  * keys of a token (modeling_olmo2.py).
  */
object Olmo2Cases {

  private val olmo2 = """{
    "architectures": ["Olmo2ForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "eos_token_id": 100257,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 4096,
    "model_type": "olmo2",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "pad_token_id": 100277,
    "rms_norm_eps": 1e-06,
    "rope_scaling": null,
    "rope_theta": 500000,
    "tie_word_embeddings": false,
    "torch_dtype": "float32",
    "transformers_version": "4.47.0",
    "use_cache": false,
    "vocab_size": 101
  }"""

  private def random(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val (width, dims) = (s.int("hidden_size"), headDim(s))
    Checkpoint.random(config, "F32", seed) {
      outside(s, tied = false) ++ (0 until s.int("num_hidden_layers")).map(layer).flatMap { p =>
        projections(p, s) ++ gatedFeedForward(p, s) ++ Seq(
          gain(p + "self_attn.q_norm", s.int("num_attention_heads") * dims),
          gain(p + "self_attn.k_norm", s.int("num_key_value_heads") * dims),
          gain(p + "post_attention_layernorm", width),
          gain(p + "post_feedforward_layernorm", width)
        )
      } :+ gain("model.norm", width)
    }
  }

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val dims = headDim(s)
    val turning = NaiveRope.plain(dims, s.number("rope_theta"))
    def norm(name: String, x: Vec): Vec = rmsNorm(x, c(name + ".weight"), s.number("rms_norm_eps"))
    def project(name: String, x: Vec): Vec = linear(c(name + ".weight"), x)

    var stream = text.map(row(c("model.embed_tokens.weight"), _, s.int("hidden_size")))
    for (p <- (0 until s.int("num_hidden_layers")).map(layer)) {
      val a = p + "self_attn."
      def turned(part: String) = stream.zipWithIndex.map { case (x, t) =>
        split(norm(a + part + "_norm", project(a + part + "_proj", x)), dims).map(turnHalves(_, t, turning))
      }
      val mixed = attention(
        turned("q"),
        turned("k"),
        stream.map(x => split(project(a + "v_proj", x), dims)),
        causal,
        (_, _, _, product) => product / math.sqrt(dims.toDouble)
      )
      stream = stream.zip(mixed).map { case (x, m) =>
        val y = plus(x, norm(p + "post_attention_layernorm", project(a + "o_proj", m)))
        val inner = times(project(p + "mlp.gate_proj", y).map(silu), project(p + "mlp.up_proj", y))
        plus(y, norm(p + "post_feedforward_layernorm", project(p + "mlp.down_proj", inner)))
      }
    }
    stream.map(x => project("lm_head", norm("model.norm", x)))
  }

  val ALL: Seq[FamilyCase] = {
    val c = random(olmo2, 71)
    val s = c.settings
    val gguf = GgufCopy(
      "olmo2",
      s.int("vocab_size"),
      GgufCopy.sizes(s),
      c.tensors.map(GgufCopy.named("post_attention_norm"))
    )
    Seq(FamilyCase("OLMo 2", c, naive(c), Some(gguf)))
  }
}
