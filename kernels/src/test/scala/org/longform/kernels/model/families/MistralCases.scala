package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** Mistral 0.1 with its sliding window, 0.3 without, and Nemo with heads of its own width
  * (modeling_mistral.py, masking_utils.py). The tensors are those of Llama.
  */
object MistralCases {

  private val first = """{
    "architectures": ["MistralForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 32768,
    "model_type": "mistral",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "sliding_window": 9,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.34.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private val third = """{
    "architectures": ["MistralForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 32768,
    "model_type": "mistral",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-05,
    "rope_theta": 1000000.0,
    "sliding_window": null,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.42.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private val nemo = """{
    "architectures": ["MistralForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "head_dim": 16,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 1024000,
    "model_type": "mistral",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-05,
    "rope_theta": 1000000.0,
    "sliding_window": null,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.43.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val turning = NaiveRope.plain(headDim(s), s.number("rope_theta"))
    val sees = if (s.has("sliding_window")) window(s.int("sliding_window")) else causal
    def norm(x: Vec, name: String): Vec = rmsNorm(x, c(name + ".weight"), s.number("rms_norm_eps"))
    def project(name: String, x: Vec): Vec = linear(c(name + ".weight"), x)

    def attended(stream: Seq[Vec], p: String): Seq[Vec] = {
      val inputs = stream.map(norm(_, p + "input_layernorm"))
      def heads(part: String, x: Vec): Seq[Vec] = split(project(p + "self_attn." + part, x), headDim(s))
      attention(
        inputs.zipWithIndex.map { case (x, t) => heads("q_proj", x).map(turnHalves(_, t, turning)) },
        inputs.zipWithIndex.map { case (x, t) => heads("k_proj", x).map(turnHalves(_, t, turning)) },
        inputs.map(heads("v_proj", _)),
        sees,
        (_, _, _, product) => product * math.pow(headDim(s).toDouble, -0.5)
      ).map(project(p + "self_attn.o_proj", _))
    }

    def fed(x: Vec, p: String): Vec = {
      val y = norm(x, p + "post_attention_layernorm")
      val inner = times(project(p + "mlp.gate_proj", y).map(silu), project(p + "mlp.up_proj", y))
      plus(x, project(p + "mlp.down_proj", inner))
    }

    val embedded = text.map(row(c("model.embed_tokens.weight"), _, s.int("hidden_size")))
    val last = (0 until s.int("num_hidden_layers")).map(layer).foldLeft(embedded) { (stream, p) =>
      stream.zip(attended(stream, p)).map { case (x, y) => fed(plus(x, y), p) }
    }
    last.map(x => project("lm_head", norm(x, "model.norm")))
  }

  private def entry(name: String, config: String, seed: Long): FamilyCase = {
    val c = LlamaCases.random(config, "BF16", seed)
    val s = c.settings
    // llama.cpp calls it llama, where it has no window
    val gguf =
      if (s.has("sliding_window")) None
      else
        Some(
          GgufCopy(
            "llama",
            s.int("vocab_size"),
            GgufCopy.sizes(s) :+ GgufCopy.rotated(s),
            GgufCopy.llamaTensors(c)
          )
        )
    FamilyCase(name, c, naive(c), gguf)
  }

  val ALL: Seq[FamilyCase] = Seq(
    entry("Mistral 7B v0.1", first, 11),
    entry("Mistral 7B v0.3", third, 12),
    entry("Mistral Nemo", nemo, 13)
  )
}
