package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.Checkpoint.gainAboveOne
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** Gemma 2 with bounded logits and Gemma 3 with norms on queries and keys and two bases; both with norms
  * before and after each half of a layer, and windows in some layers (modeling_gemma2.py, modeling_gemma3.py
  * and their configurations). The bounds are smaller here than in the published models, so that they matter.
  */
object GemmaCases {

  // the root of the width is a whole number, but for the last model
  private val gemma2 = """{
    "architectures": ["Gemma2ForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "attn_logit_softcapping": 5.0,
    "bos_token_id": 2,
    "cache_implementation": "hybrid",
    "eos_token_id": [1, 107],
    "final_logit_softcapping": 3.0,
    "head_dim": 24,
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 8192,
    "model_type": "gemma2",
    "num_attention_heads": 4,
    "num_hidden_layers": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "query_pre_attn_scalar": 24,
    "rms_norm_eps": 1e-06,
    "rope_theta": 10000.0,
    "sliding_window": 9,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.42.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private val gemma3 = """{
    "architectures": ["Gemma3ForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "attn_logit_softcapping": null,
    "bos_token_id": 2,
    "cache_implementation": "hybrid",
    "eos_token_id": [1, 106],
    "final_logit_softcapping": null,
    "head_dim": 24,
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": 32768,
    "model_type": "gemma3_text",
    "num_attention_heads": 4,
    "num_hidden_layers": 7,
    "num_key_value_heads": 1,
    "pad_token_id": 0,
    "query_pre_attn_scalar": 24,
    "rms_norm_eps": 1e-06,
    "rope_local_base_freq": 10000,
    "rope_scaling": null,
    "rope_theta": 1000000,
    "sliding_window": 9,
    "sliding_window_pattern": 6,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.50.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  // as the fifth version of transformers writes it
  private val gemma3Listed = """{
    "_sliding_window_pattern": 6,
    "architectures": ["Gemma3ForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "attn_logit_softcapping": null,
    "bos_token_id": 2,
    "dtype": "bfloat16",
    "eos_token_id": 1,
    "final_logit_softcapping": null,
    "head_dim": 16,
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "layer_types": ["sliding_attention", "full_attention", "full_attention", "sliding_attention"],
    "max_position_embeddings": 32768,
    "model_type": "gemma3_text",
    "num_attention_heads": 4,
    "num_hidden_layers": 4,
    "num_key_value_heads": 1,
    "pad_token_id": 0,
    "query_pre_attn_scalar": 25,
    "rms_norm_eps": 1e-06,
    "rope_parameters": {
      "full_attention": {"factor": 8.0, "rope_theta": 1000000.0, "rope_type": "linear"},
      "sliding_attention": {"rope_theta": 5000.0, "rope_type": "default"}
    },
    "sliding_window": 9,
    "transformers_version": "5.0.0",
    "use_bidirectional_attention": false,
    "use_cache": true,
    "vocab_size": 101
  }"""

  private val norms = Seq(
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm"
  )

  private def random(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val width = s.int("hidden_size")
    val heads = if (s.has("attn_logit_softcapping")) Nil else Seq("self_attn.q_norm", "self_attn.k_norm")
    Checkpoint.random(config, "BF16", seed) {
      outside(s, tied = true) ++ (0 until s.int("num_hidden_layers")).map(layer).flatMap { p =>
        norms.map(norm => gainAboveOne(p + norm, width)) ++ projections(p, s) ++ gatedFeedForward(p, s) ++
          heads.map(norm => gainAboveOne(p + norm, s.int("head_dim")))
      } :+ gainAboveOne("model.norm", width)
    }
  }

  /** What differs from one layer to the next.
    *
    * @param head
    *   what is done to a query or key of the part named, before it is turned
    */
  private final case class Layer(
      sees: Sees,
      frequencies: Vec,
      head: (String, Vec) => Vec,
      bounded: Double => Double
  )

  def normed(c: Checkpoint, name: String, x: Vec): Vec =
    rmsNorm(x, c(name + ".weight").map(1 + _), c.settings.number("rms_norm_eps"))

  /** The root of the width, rounded to the numbers of the weights as the original does. */
  def embeddingScale(s: Settings): Double = {
    val root = math.sqrt(s.number("hidden_size"))
    // 8 bits of mantissa: steps of 2^-7 of the power of two below
    val step = math.pow(2, math.floor(math.log(root) / math.log(2)) - 7)
    math.rint(root / step) * step
  }

  /** The stream after all layers. */
  private def layers(c: Checkpoint, text: Seq[Int], kinds: Int => Layer): Seq[Vec] = {
    val s = c.settings
    val (width, dims) = (s.int("hidden_size"), s.int("head_dim"))
    var stream = text.map(id => scaled(row(c("model.embed_tokens.weight"), id, width), embeddingScale(s)))
    for (l <- 0 until s.int("num_hidden_layers")) {
      val (p, kind) = (layer(l), kinds(l))
      val inputs = stream.map(normed(c, p + "input_layernorm", _))
      def heads(part: String) =
        inputs.map(x => split(linear(c(p + s"self_attn.${part}_proj.weight"), x), dims))
      def turned(part: String) = heads(part).zipWithIndex.map { case (each, t) =>
        each.map(head => turnHalves(kind.head(p + s"self_attn.${part}_norm", head), t, kind.frequencies))
      }
      val mixed = attention(
        turned("q"),
        turned("k"),
        heads("v"),
        kind.sees,
        (_, _, _, product) => kind.bounded(product / math.sqrt(s.number("query_pre_attn_scalar")))
      )
      stream = stream.zip(mixed).map { case (x, m) =>
        plus(x, normed(c, p + "post_attention_layernorm", linear(c(p + "self_attn.o_proj.weight"), m)))
      }
      stream = stream.map { x =>
        val y = normed(c, p + "pre_feedforward_layernorm", x)
        val gate = linear(c(p + "mlp.gate_proj.weight"), y).map(geluTanh)
        val inner = times(gate, linear(c(p + "mlp.up_proj.weight"), y))
        plus(x, normed(c, p + "post_feedforward_layernorm", linear(c(p + "mlp.down_proj.weight"), inner)))
      }
    }
    stream
  }

  def output(c: Checkpoint, x: Vec): Vec =
    linear(c("model.embed_tokens.weight"), normed(c, "model.norm", x))

  /** Every other layer has the window, the first does. */
  def naive2(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val frequencies = NaiveRope.plain(s.int("head_dim"), s.number("rope_theta"))
    layers(
      c,
      text,
      l =>
        Layer(
          if (l % 2 == 0) window(s.int("sliding_window")) else causal,
          frequencies,
          (_, head) => head,
          softCap(_, s.number("attn_logit_softcapping"))
        )
    ).map(x => output(c, x).map(softCap(_, s.number("final_logit_softcapping"))))
  }

  /** Every sixth layer, or those listed, sees all with long waves; the others have the window and short ones.
    */
  def naive3(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val dims = s.int("head_dim")
    def isFull(l: Int): Boolean =
      if (s.has("layer_types")) s.texts("layer_types")(l) == "full_attention"
      else (l + 1) % s.int("sliding_window_pattern") == 0
    val (full, local) =
      if (s.has("rope_parameters")) {
        val rope = s.section("rope_parameters")
        val (far, near) = (rope.section("full_attention"), rope.section("sliding_attention"))
        (
          NaiveRope.linear(dims, far.number("rope_theta"), far.number("factor")),
          NaiveRope.plain(dims, near.number("rope_theta"))
        )
      } else {
        val factor = if (s.has("rope_scaling")) s.section("rope_scaling").number("factor") else 1.0
        (
          NaiveRope.linear(dims, s.number("rope_theta"), factor),
          NaiveRope.plain(dims, s.number("rope_local_base_freq"))
        )
      }
    layers(
      c,
      text,
      l =>
        Layer(
          if (isFull(l)) causal else window(s.int("sliding_window")),
          if (isFull(l)) full else local,
          (norm, head) => normed(c, norm, head),
          identity
        )
    ).map(output(c, _))
  }

  /** The converter adds the one to the weights of the norms; that every sixth (second) layer sees all is
    * nowhere in the file.
    *
    * @param second
    *   what the second norm of a layer is called there
    */
  def gguf(architecture: String, second: String, c: Checkpoint, more: Seq[GgufCopy.Key]): GgufCopy = {
    val s = c.settings
    val tensors = c.tensors.map(GgufCopy.named(second)).map { tensor =>
      if (tensor.name.contains("norm")) tensor.copy(values = tensor.values.map(1 + _)) else tensor
    }
    // that of the first two is the usual one and not written
    val sizes = GgufCopy.sizes(s).filterNot(_._1 == "rope.freq_base" && architecture != "gemma3")
    GgufCopy(
      architecture,
      s.int("vocab_size"),
      sizes ++ more,
      tensors
    )
  }

  private val second = "post_attention_norm"

  private def entry2(name: String, c: Checkpoint): FamilyCase = {
    val s = c.settings
    val caps = Seq("attn_logit_softcapping", "final_logit_softcapping").map(key => key -> s.number(key))
    val window = "attention.sliding_window" -> s.int("sliding_window")
    // the file tells nothing of the scale of the logits
    val told = s.int("query_pre_attn_scalar") == s.int("head_dim")
    FamilyCase(name, c, naive2(c), if (told) Some(gguf("gemma2", second, c, window +: caps)) else None)
  }

  private def entry3(name: String, c: Checkpoint): FamilyCase = {
    val s = c.settings
    val scaling =
      if (!s.has("rope_scaling")) Nil
      else
        Seq(
          "rope.scaling.type" -> "linear",
          "rope.scaling.factor" -> s.section("rope_scaling").number("factor"),
          "rope.freq_base_swa" -> s.number("rope_local_base_freq")
        )
    val window = "attention.sliding_window" -> s.int("sliding_window")
    FamilyCase(
      name,
      c,
      naive3(c),
      if (s.has("layer_types")) None else Some(gguf("gemma3", second, c, window +: scaling))
    )
  }

  val ALL: Seq[FamilyCase] = Seq(
    entry2("Gemma 2 2B", random(gemma2, 51)),
    entry2("Gemma 2 27B", random(gemma2, 52).where("query_pre_attn_scalar" -> "9")),
    entry3("Gemma 3 1B", random(gemma3, 53)),
    entry3(
      "Gemma 3 with stretched positions",
      random(gemma3, 54).where(
        "rope_scaling" -> """{"factor": 8.0, "rope_type": "linear"}""",
        "rope_local_base_freq" -> "5000"
      )
    ),
    entry3("Gemma 3 270M with listed layers", random(gemma3Listed, 55))
  )
}
