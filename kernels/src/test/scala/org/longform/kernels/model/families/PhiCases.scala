package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.Checkpoint.{gain, matrix}
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** Phi 3, 3.5 and 4 mini: queries, keys and values are one matrix, gate and up another, and frequencies are
  * divided by one of two lists, depending on the length of the text (modeling_phi3.py, configuration_phi3.py,
  * modeling_rope_utils.py).
  */
object PhiCases {

  private val mini4k = """{
    "_name_or_path": "Phi-3-mini-4k-instruct",
    "architectures": ["Phi3ForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "auto_map": {
      "AutoConfig": "configuration_phi3.Phi3Config",
      "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"
    },
    "bos_token_id": 1,
    "embd_pdrop": 0.0,
    "eos_token_id": 32000,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 4096,
    "model_type": "phi3",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 6,
    "original_max_position_embeddings": 4096,
    "pad_token_id": 32000,
    "resid_pdrop": 0.0,
    "rms_norm_eps": 1e-05,
    "rope_scaling": null,
    "rope_theta": 10000.0,
    "sliding_window": 11,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.40.2",
    "use_cache": true,
    "vocab_size": 101
  }"""

  // thirty-two times the first window, as published
  private def mini35(original: Int): String = s"""{
    "_name_or_path": "Phi-3.5-mini-instruct",
    "architectures": ["Phi3ForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "auto_map": {
      "AutoConfig": "configuration_phi3.Phi3Config",
      "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"
    },
    "bos_token_id": 1,
    "embd_pdrop": 0.0,
    "eos_token_id": 32000,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": ${32 * original},
    "model_type": "phi3",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "original_max_position_embeddings": $original,
    "pad_token_id": 32000,
    "resid_pdrop": 0.0,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
      "long_factor": [1.0800000429153442, 2.1300001621246338, 12.600000381469727, 58.5],
      "short_factor": [1.0, 1.0199999809265137, 1.5, 2.75],
      "type": "longrope"
    },
    "rope_theta": 10000.0,
    "sliding_window": 262144,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.43.3",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private val mini4 = """{
    "architectures": ["Phi3ForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 199999,
    "embd_pdrop": 0.0,
    "eos_token_id": 199999,
    "full_attn_mod": 1,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "interpolate_factor": 1,
    "lm_head_bias": false,
    "max_position_embeddings": 131072,
    "mlp_bias": false,
    "model_type": "phi3",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "original_max_position_embeddings": 4096,
    "pad_token_id": 199999,
    "partial_rotary_factor": 0.75,
    "resid_pdrop": 0.0,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
      "long_factor": [1, 1.118320672, 47.77],
      "short_factor": [1.0, 1.25, 1.0],
      "type": "longrope"
    },
    "rope_theta": 10000.0,
    "sliding_window": 262144,
    "tie_word_embeddings": true,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.45.0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private val phi4 = """{
    "architectures": ["Phi3ForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 100257,
    "embd_pdrop": 0.0,
    "eos_token_id": 100265,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 16384,
    "model_type": "phi3",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 3,
    "original_max_position_embeddings": 16384,
    "pad_token_id": 100349,
    "resid_pdrop": 0.0,
    "rms_norm_eps": 1e-05,
    "rope_scaling": null,
    "rope_theta": 250000,
    "sliding_window": null,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.47.0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  def random(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val (width, inner) = (s.int("hidden_size"), s.int("intermediate_size"))
    val queries = s.int("num_attention_heads") * headDim(s)
    val keys = s.int("num_key_value_heads") * headDim(s)
    Checkpoint.random(config, "BF16", seed) {
      outside(s, s.flag("tie_word_embeddings")) ++ (0 until s.int("num_hidden_layers")).map(layer).flatMap {
        p =>
          Seq(
            gain(p + "input_layernorm", width),
            matrix(p + "self_attn.qkv_proj", queries + 2 * keys, width),
            matrix(p + "self_attn.o_proj", width, queries),
            gain(p + "post_attention_layernorm", width),
            matrix(p + "mlp.gate_up_proj", 2 * inner, width),
            matrix(p + "mlp.down_proj", width, inner)
          )
      } :+ gain("model.norm", width)
    }
  }

  private def rotated(s: Settings): Int =
    (headDim(s) * (if (s.has("partial_rotary_factor")) s.number("partial_rotary_factor") else 1.0)).toInt

  private def attentionFactor(s: Settings): Double = {
    val original = s.number("original_max_position_embeddings")
    val scale = s.number("max_position_embeddings") / original
    if (s.has("rope_scaling") && scale > 1) math.sqrt(1 + math.log(scale) / math.log(original)) else 1
  }

  private def frequencies(s: Settings, length: Int): Vec = {
    val plain = NaiveRope.plain(rotated(s), s.number("rope_theta"))
    if (!s.has("rope_scaling")) plain
    else {
      val list =
        if (length > s.int("original_max_position_embeddings")) "long_factor" else "short_factor"
      plain.zip(s.section("rope_scaling").numbers(list)).map { case (f, by) => f / by }
    }
  }

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val (dims, inner, epsilon) = (headDim(s), s.int("intermediate_size"), s.number("rms_norm_eps"))
    val (turning, factor) = (frequencies(s, text.length), attentionFactor(s))
    val (queries, keys) = (s.int("num_attention_heads") * dims, s.int("num_key_value_heads") * dims)
    var stream = text.map(row(c("model.embed_tokens.weight"), _, s.int("hidden_size")))
    for (p <- (0 until s.int("num_hidden_layers")).map(layer)) {
      val fused = stream.map { x =>
        linear(c(p + "self_attn.qkv_proj.weight"), rmsNorm(x, c(p + "input_layernorm.weight"), epsilon))
      }
      def turned(from: Int, until: Int) = fused.zipWithIndex.map { case (x, t) =>
        split(x.slice(from, until), dims).map(turnHalves(_, t, turning, factor))
      }
      val mixed = attention(
        turned(0, queries),
        turned(queries, queries + keys),
        fused.map(x => split(x.drop(queries + keys), dims)),
        if (s.has("sliding_window")) window(s.int("sliding_window")) else causal,
        (_, _, _, product) => product / math.sqrt(dims.toDouble)
      )
      stream = stream.zip(mixed).map { case (x, m) => plus(x, linear(c(p + "self_attn.o_proj.weight"), m)) }
      stream = stream.map { x =>
        val y = rmsNorm(x, c(p + "post_attention_layernorm.weight"), epsilon)
        val (gate, up) = linear(c(p + "mlp.gate_up_proj.weight"), y).splitAt(inner)
        plus(x, linear(c(p + "mlp.down_proj.weight"), times(up, gate.map(silu))))
      }
    }
    val head = if (s.flag("tie_word_embeddings")) "model.embed_tokens.weight" else "lm_head.weight"
    stream.map(x => linear(c(head), rmsNorm(x, c("model.norm.weight"), epsilon)))
  }

  // llama.cpp reads the window and does not use it; none is a zero
  def gguf(c: Checkpoint): GgufCopy = {
    val s = c.settings
    val scaled =
      if (!s.has("rope_scaling")) Nil
      else
        Seq("long_factor" -> "rope_factors_long", "short_factor" -> "rope_factors_short").map {
          case (key, name) => GgufCopy.factors(name, s.section("rope_scaling").numbers(key).toSeq)
        }
    val window = if (s.has("sliding_window")) s.int("sliding_window") else 0
    val keys = GgufCopy.sizes(s) ++ Seq(
      "rope.scaling.original_context_length" -> s.int("original_max_position_embeddings"),
      "rope.dimension_count" -> rotated(s),
      "attention.sliding_window" -> window
    ) ++ (if (s.has("rope_scaling")) Seq("rope.scaling.attn_factor" -> attentionFactor(s)) else Nil)
    GgufCopy(
      "phi3",
      s.int("vocab_size"),
      keys,
      c.tensors.map(GgufCopy.named("ffn_norm")) ++ scaled,
      llamaCppAgrees = window == 0 || window > 1000
    )
  }

  private def entry(name: String, c: Checkpoint): FamilyCase =
    FamilyCase(name, c, naive(c), Some(gguf(c)))

  val ALL: Seq[FamilyCase] = Seq(
    entry("Phi 3 mini 4k", random(mini4k, 41)),
    entry("Phi 3.5 mini", random(mini35(4096), 42)),
    entry("Phi 3.5 mini beyond its first window", random(mini35(16), 43)).copy(blocks = Seq(31)),
    entry("Phi 3 mini 128k of the first day", random(mini35(4096).replace("longrope", "su"), 44)),
    entry("Phi 4 mini", random(mini4, 45)),
    entry("Phi 4", random(phi4, 46))
  )
}
