package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.Checkpoint.gain
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** Llama 2 to 3.2 and SmolLM2, which is one (modeling_llama.py, configuration_llama.py). */
object LlamaCases {

  private val llama2 = """{
    "_name_or_path": "meta-llama/Llama-2-7b-hf",
    "architectures": ["LlamaForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 4096,
    "model_type": "llama",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 6,
    "pad_token_id": 0,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": null,
    "tie_word_embeddings": false,
    "torch_dtype": "float16",
    "transformers_version": "4.31.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private val llama3 = """{
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "eos_token_id": 128001,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 8192,
    "model_type": "llama",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": null,
    "rope_theta": 500000.0,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.40.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  // with windows of 512 the second of four pairs is on the ramp
  private val llama31 = """{
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "eos_token_id": [128001, 128008, 128009],
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 131072,
    "mlp_bias": false,
    "model_type": "llama",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
      "factor": 8.0,
      "low_freq_factor": 1.0,
      "high_freq_factor": 4.0,
      "original_max_position_embeddings": 512,
      "rope_type": "llama3"
    },
    "rope_theta": 500000.0,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.42.3",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private val llama32 = """{
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "eos_token_id": 128001,
    "head_dim": 16,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 131072,
    "mlp_bias": false,
    "model_type": "llama",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
      "factor": 32.0,
      "high_freq_factor": 4.0,
      "low_freq_factor": 1.0,
      "original_max_position_embeddings": 256,
      "rope_type": "llama3"
    },
    "rope_theta": 500000.0,
    "tie_word_embeddings": true,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.45.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private val smolLm2 = """{
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 54,
    "initializer_range": 0.041666666666666664,
    "intermediate_size": 46,
    "is_llama_config": true,
    "max_position_embeddings": 8192,
    "mlp_bias": false,
    "model_type": "llama",
    "num_attention_heads": 9,
    "num_hidden_layers": 3,
    "num_key_value_heads": 3,
    "pad_token_id": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_interleaved": false,
    "rope_scaling": null,
    "rope_theta": 100000,
    "tie_word_embeddings": true,
    "torch_dtype": "bfloat16",
    "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16", "fp16": "float16"}},
    "transformers_version": "4.42.3",
    "use_cache": true,
    "vocab_size": 101
  }"""

  // as the fifth version of transformers writes it
  private val llama31Fifth = """{
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "dtype": "bfloat16",
    "eos_token_id": [128001, 128008, 128009],
    "head_dim": 8,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 131072,
    "mlp_bias": false,
    "model_type": "llama",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "pad_token_id": null,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_parameters": {
      "factor": 8.0,
      "high_freq_factor": 4.0,
      "low_freq_factor": 1.0,
      "original_max_position_embeddings": 512,
      "rope_theta": 500000.0,
      "rope_type": "llama3"
    },
    "tie_word_embeddings": false,
    "transformers_version": "5.0.0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  def random(config: String, dtype: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    Checkpoint.random(config, dtype, seed) {
      outside(s, s.flag("tie_word_embeddings")) ++ (0 until s.int("num_hidden_layers")).map(layer).flatMap {
        p =>
          Seq("input_layernorm", "post_attention_layernorm").map(n => gain(p + n, s.int("hidden_size"))) ++
            projections(p, s) ++ gatedFeedForward(p, s)
      } :+ gain("model.norm", s.int("hidden_size"))
    }
  }

  private def theta(s: Settings): Double =
    if (s.has("rope_parameters")) s.section("rope_parameters").number("rope_theta")
    else if (s.has("rope_theta")) s.number("rope_theta")
    else 10000.0

  private def scaling(s: Settings): Option[Settings] =
    Seq("rope_parameters", "rope_scaling").find(s.has).map(s.section)

  private def frequencies(s: Settings): Vec = {
    val dims = headDim(s)
    scaling(s).fold(NaiveRope.plain(dims, theta(s))) { scaling =>
      NaiveRope.llama3(
        dims,
        theta(s),
        scaling.number("factor"),
        scaling.number("low_freq_factor"),
        scaling.number("high_freq_factor"),
        scaling.number("original_max_position_embeddings")
      )
    }
  }

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val (width, dims, epsilon) = (s.int("hidden_size"), headDim(s), s.number("rms_norm_eps"))
    val turning = frequencies(s)
    var stream = text.map(row(c("model.embed_tokens.weight"), _, width))
    for (p <- (0 until s.int("num_hidden_layers")).map(layer)) {
      val inputs = stream.map(rmsNorm(_, c(p + "input_layernorm.weight"), epsilon))
      def heads(part: String): Seq[Seq[Vec]] =
        inputs.map(x => split(linear(c(p + s"self_attn.$part.weight"), x), dims))
      def turned(part: String): Seq[Seq[Vec]] =
        heads(part).zipWithIndex.map { case (each, t) => each.map(turnHalves(_, t, turning)) }
      val mixed = attention(
        turned("q_proj"),
        turned("k_proj"),
        heads("v_proj"),
        causal,
        (_, _, _, product) => product / math.sqrt(dims.toDouble)
      )
      stream = stream.zip(mixed).map { case (x, m) => plus(x, linear(c(p + "self_attn.o_proj.weight"), m)) }
      stream = stream.map { x =>
        val y = rmsNorm(x, c(p + "post_attention_layernorm.weight"), epsilon)
        val gate = linear(c(p + "mlp.gate_proj.weight"), y).map(silu)
        plus(x, linear(c(p + "mlp.down_proj.weight"), times(gate, linear(c(p + "mlp.up_proj.weight"), y))))
      }
    }
    val head = if (s.flag("tie_word_embeddings")) "model.embed_tokens.weight" else "lm_head.weight"
    stream.map(x => linear(c(head), rmsNorm(x, c("model.norm.weight"), epsilon)))
  }

  /** Llama 3's scaling is a tensor there: by what each frequency is divided. */
  private def gguf(c: Checkpoint): GgufCopy = {
    val s = c.settings
    val divisors = scaling(s).toSeq.map { _ =>
      val plain = NaiveRope.plain(headDim(s), theta(s))
      GgufCopy.factors("rope_freqs", plain.zip(frequencies(s)).map { case (a, b) => a / b }.toSeq)
    }
    val base = if (s.has("rope_parameters")) Seq("rope.freq_base" -> theta(s)) else Nil
    GgufCopy(
      "llama",
      s.int("vocab_size"),
      (GgufCopy.sizes(s) :+ GgufCopy.rotated(s)) ++ base,
      GgufCopy.llamaTensors(c) ++ divisors
    )
  }

  private def entry(name: String, checkpoint: Checkpoint): FamilyCase =
    FamilyCase(name, checkpoint, naive(checkpoint), Some(gguf(checkpoint)))

  /** The frequencies lie in the first Llama 2 files, too, and are not read. */
  private def withBuffers(c: Checkpoint): Checkpoint = {
    val s = c.settings
    c.copy(tensors = c.tensors ++ (0 until s.int("num_hidden_layers")).map { l =>
      val values = NaiveRope.plain(headDim(s), 10000)
      NamedTensor(layer(l) + "self_attn.rotary_emb.inv_freq", Seq(values.length), values)
    })
  }

  val ALL: Seq[FamilyCase] = Seq(
    entry("Llama 2", withBuffers(random(llama2, "F16", 1))),
    entry("Llama 3", random(llama3, "BF16", 2)),
    entry("Llama 3.1", random(llama31, "BF16", 3)),
    entry("Llama 3.1 saved again", random(llama31Fifth, "BF16", 6)),
    entry("Llama 3.2", random(llama32, "BF16", 4)),
    entry("SmolLM2", random(smolLm2, "BF16", 5))
  )
}
