package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.Checkpoint.{bias, gain}
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** Qwen 2 and 2.5 with biases on queries, keys and values, Qwen 3 with norms on queries and keys instead
  * (modeling_qwen2.py, modeling_qwen3.py, configuration_qwen2.py).
  */
object QwenCases {

  // the window is to be ignored while use_sliding_window is false
  private val qwen25 = """{
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 32768,
    "max_window_layers": 2,
    "model_type": "qwen2",
    "num_attention_heads": 6,
    "num_hidden_layers": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "sliding_window": 9,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.43.1",
    "use_cache": true,
    "use_sliding_window": false,
    "vocab_size": 101
  }"""

  private val qwen3 = """{
    "architectures": ["Qwen3ForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "head_dim": 16,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 40960,
    "max_window_layers": 3,
    "model_type": "qwen3",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_scaling": null,
    "rope_theta": 1000000,
    "sliding_window": null,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.51.0",
    "use_cache": true,
    "use_sliding_window": false,
    "vocab_size": 101
  }"""

  // what the model card tells to add for longer texts
  private val yarn =
    """{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}"""

  private val layers = """["full_attention", "sliding_attention", "full_attention", "sliding_attention"]"""

  def random2(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val (width, dims) = (s.int("hidden_size"), headDim(s))
    Checkpoint.random(config, "BF16", seed) {
      outside(s, s.flag("tie_word_embeddings")) ++ (0 until s.int("num_hidden_layers")).map(layer).flatMap {
        p =>
          Seq(gain(p + "input_layernorm", width), gain(p + "post_attention_layernorm", width)) ++
            projections(p, s) ++ gatedFeedForward(p, s) ++ Seq(
              bias(p + "self_attn.q_proj", s.int("num_attention_heads") * dims),
              bias(p + "self_attn.k_proj", s.int("num_key_value_heads") * dims),
              bias(p + "self_attn.v_proj", s.int("num_key_value_heads") * dims)
            )
      } :+ gain("model.norm", width)
    }
  }

  private def random3(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val width = s.int("hidden_size")
    Checkpoint.random(config, "BF16", seed) {
      outside(s, s.flag("tie_word_embeddings")) ++ (0 until s.int("num_hidden_layers")).map(layer).flatMap {
        p =>
          Seq(gain(p + "input_layernorm", width), gain(p + "post_attention_layernorm", width)) ++
            projections(p, s) ++ gatedFeedForward(p, s) ++
            Seq(
              gain(p + "self_attn.q_norm", s.int("head_dim")),
              gain(p + "self_attn.k_norm", s.int("head_dim"))
            )
      } :+ gain("model.norm", width)
    }
  }

  /** The layers from max_window_layers on, or those listed, have the window, if it is used at all. */
  private def sees(s: Settings, l: Int): Sees = {
    val slides =
      if (s.has("layer_types")) s.texts("layer_types")(l) == "sliding_attention"
      else l >= s.int("max_window_layers")
    if (s.flag("use_sliding_window") && slides) window(s.int("sliding_window")) else causal
  }

  private def output(c: Checkpoint, x: Vec): Vec = {
    val head = if (c.settings.flag("tie_word_embeddings")) "model.embed_tokens" else "lm_head"
    linear(c(head + ".weight"), rmsNorm(x, c("model.norm.weight"), c.settings.number("rms_norm_eps")))
  }

  private def fed(c: Checkpoint, p: String, x: Vec): Vec = {
    val y = rmsNorm(x, c(p + "post_attention_layernorm.weight"), c.settings.number("rms_norm_eps"))
    val gate = linear(c(p + "mlp.gate_proj.weight"), y).map(silu)
    plus(x, linear(c(p + "mlp.down_proj.weight"), times(gate, linear(c(p + "mlp.up_proj.weight"), y))))
  }

  def naive2(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val dims = headDim(s)
    val turning = NaiveRope.plain(dims, s.number("rope_theta"))
    var stream = text.map(row(c("model.embed_tokens.weight"), _, s.int("hidden_size")))
    for (l <- 0 until s.int("num_hidden_layers")) {
      val p = layer(l)
      val inputs = stream.map(rmsNorm(_, c(p + "input_layernorm.weight"), s.number("rms_norm_eps")))
      def heads(part: String) = inputs.map { x =>
        split(
          plus(linear(c(p + s"self_attn.$part.weight"), x), c(p + s"self_attn.$part.bias")),
          dims
        )
      }
      def turned(part: String) = heads(part).zipWithIndex.map { case (each, t) =>
        each.map(turnHalves(_, t, turning))
      }
      val mixed = attention(
        turned("q_proj"),
        turned("k_proj"),
        heads("v_proj"),
        sees(s, l),
        (_, _, _, product) => product / math.sqrt(dims.toDouble)
      )
      stream = stream.zip(mixed).map { case (x, m) =>
        fed(c, p, plus(x, linear(c(p + "self_attn.o_proj.weight"), m)))
      }
    }
    stream.map(output(c, _))
  }

  def naive3(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val (dims, epsilon) = (s.int("head_dim"), s.number("rms_norm_eps"))
    val (turning, factor) =
      if (!s.has("rope_scaling")) (NaiveRope.plain(dims, s.number("rope_theta")), 1.0)
      else {
        val scaling = s.section("rope_scaling")
        val (times, window) = (scaling.number("factor"), scaling.number("original_max_position_embeddings"))
        (
          NaiveRope.yarn(dims, s.number("rope_theta"), times, window, 32, 1, truncate = true),
          0.1 * math.log(times) + 1
        )
      }
    var stream = text.map(row(c("model.embed_tokens.weight"), _, s.int("hidden_size")))
    for (l <- 0 until s.int("num_hidden_layers")) {
      val p = layer(l)
      val inputs = stream.map(rmsNorm(_, c(p + "input_layernorm.weight"), epsilon))
      def heads(part: String) = inputs.map(x => split(linear(c(p + s"self_attn.$part.weight"), x), dims))
      // each head by itself, all with the same weights
      def turned(part: String, norm: String) = heads(part).zipWithIndex.map { case (each, t) =>
        each.map(head =>
          turnHalves(rmsNorm(head, c(p + s"self_attn.$norm.weight"), epsilon), t, turning, factor)
        )
      }
      val mixed = attention(
        turned("q_proj", "q_norm"),
        turned("k_proj", "k_norm"),
        heads("v_proj"),
        sees(s, l),
        (_, _, _, product) => product / math.sqrt(dims.toDouble)
      )
      stream = stream.zip(mixed).map { case (x, m) =>
        fed(c, p, plus(x, linear(c(p + "self_attn.o_proj.weight"), m)))
      }
    }
    stream.map(output(c, _))
  }

  // llama.cpp has no window for them, and turns halves
  private def gguf(architecture: String, c: Checkpoint): Option[GgufCopy] = {
    val s = c.settings
    val scaling =
      if (!s.has("rope_scaling")) Nil
      else
        Seq(
          "rope.scaling.type" -> "yarn",
          "rope.scaling.factor" -> s.section("rope_scaling").number("factor"),
          "rope.scaling.original_context_length" ->
            s.section("rope_scaling").int("original_max_position_embeddings")
        )
    if (s.flag("use_sliding_window")) None
    else
      Some(
        GgufCopy(
          architecture,
          s.int("vocab_size"),
          GgufCopy.sizes(s) ++ scaling,
          c.tensors.map(GgufCopy.named("ffn_norm"))
        )
      )
  }

  private def entry2(name: String, c: Checkpoint): FamilyCase =
    FamilyCase(name, c, naive2(c), gguf("qwen2", c))

  private def entry3(name: String, c: Checkpoint): FamilyCase =
    FamilyCase(name, c, naive3(c), gguf("qwen3", c))

  private def tied(config: String): String =
    config.replace("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true")

  val ALL: Seq[FamilyCase] = Seq(
    entry2("Qwen 2.5 7B", random2(qwen25, 31)),
    entry2("Qwen 2.5 0.5B", random2(tied(qwen25), 32)),
    entry2("Qwen 2 with its sliding window", random2(qwen25, 33).where("use_sliding_window" -> "true")),
    entry2(
      "Qwen 2 with listed layers",
      random2(qwen25, 37).where("use_sliding_window" -> "true", "layer_types" -> layers)
    ),
    entry3("Qwen 3 8B", random3(qwen3, 34)),
    entry3("Qwen 3 0.6B", random3(tied(qwen3), 35)),
    entry3("Qwen 3 with YaRN", random3(qwen3, 36).where("rope_scaling" -> yarn))
  )
}
