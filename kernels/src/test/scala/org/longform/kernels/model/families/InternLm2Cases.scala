package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.Checkpoint.{gain, matrix}
import org.longform.kernels.model.families.Naive._

/** InternLM 2 and 2.5: the rows of one matrix are, for each key head, its query heads, its key and its value;
  * the base of the frequencies grows with texts beyond the window (modeling_internlm2.py of the models).
  */
object InternLm2Cases {

  private def internLm25(window: Int): String = s"""{
    "architectures": ["InternLM2ForCausalLM"],
    "attn_implementation": "eager",
    "auto_map": {
      "AutoConfig": "configuration_internlm2.InternLM2Config",
      "AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM",
      "AutoModel": "modeling_internlm2.InternLM2ForCausalLM"
    },
    "bias": false,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 44,
    "max_position_embeddings": $window,
    "model_type": "internlm2",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "pad_token_id": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {"type": "dynamic", "factor": 2.0},
    "rope_theta": 1000000,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.41.0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private def layer(l: Int): String = s"model.layers.$l."

  private def random(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val (width, inner) = (s.int("hidden_size"), s.int("intermediate_size"))
    val dims = width / s.int("num_attention_heads")
    Checkpoint.random(config, "BF16", seed) {
      matrix("model.tok_embeddings", s.int("vocab_size"), width) +:
        (0 until s.int("num_hidden_layers")).map(layer).flatMap { p =>
          Seq(
            matrix(
              p + "attention.wqkv",
              (s.int("num_attention_heads") + 2 * s.int("num_key_value_heads")) * dims,
              width
            ),
            matrix(p + "attention.wo", width, width),
            matrix(p + "feed_forward.w1", inner, width),
            matrix(p + "feed_forward.w3", inner, width),
            matrix(p + "feed_forward.w2", width, inner),
            gain(p + "attention_norm", width),
            gain(p + "ffn_norm", width)
          )
        } :+ gain("model.norm", width) :+ matrix("output", s.int("vocab_size"), width)
    }
  }

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val (width, epsilon) = (s.int("hidden_size"), s.number("rms_norm_eps"))
    val dims = width / s.int("num_attention_heads")
    val shared = s.int("num_attention_heads") / s.int("num_key_value_heads")
    val turning = NaiveRope.dynamic(
      dims,
      s.number("rope_theta"),
      s.section("rope_scaling").number("factor"),
      s.number("max_position_embeddings"),
      text.length.toDouble
    )
    var stream = text.map(row(c("model.tok_embeddings.weight"), _, width))
    for (p <- (0 until s.int("num_hidden_layers")).map(layer)) {
      // [token][key head][its query heads, its key, its value]
      val grouped = stream.map { x =>
        val fused =
          linear(c(p + "attention.wqkv.weight"), rmsNorm(x, c(p + "attention_norm.weight"), epsilon))
        split(fused, dims).grouped(shared + 2).toVector
      }
      def turned(pick: Vector[Vec] => Seq[Vec]) = grouped.zipWithIndex.map { case (groups, t) =>
        groups.flatMap(pick).map(turnHalves(_, t, turning))
      }
      val mixed = attention(
        turned(_.take(shared)),
        turned(group => Seq(group(shared))),
        grouped.map(_.map(_.last)),
        causal,
        (_, _, _, product) => product / math.sqrt(dims.toDouble)
      )
      stream = stream.zip(mixed).map { case (x, m) =>
        val y = plus(x, linear(c(p + "attention.wo.weight"), m))
        val z = rmsNorm(y, c(p + "ffn_norm.weight"), epsilon)
        val gate = linear(c(p + "feed_forward.w1.weight"), z).map(silu)
        val inner = times(gate, linear(c(p + "feed_forward.w3.weight"), z))
        plus(y, linear(c(p + "feed_forward.w2.weight"), inner))
      }
    }
    stream.map(x => linear(c("output.weight"), rmsNorm(x, c("model.norm.weight"), epsilon)))
  }

  private val feedForward = Map("w1" -> "ffn_gate", "w2" -> "ffn_down", "w3" -> "ffn_up")

  /** The converter takes queries, keys and values apart; of the growing base the file tells nothing. */
  private def gguf(c: Checkpoint): GgufCopy = {
    val s = c.settings
    val (width, heads) = (s.int("hidden_size"), s.int("num_attention_heads"))
    val kvHeads = s.int("num_key_value_heads")
    val (dims, shared) = (width / heads, heads / kvHeads)
    val tensors = c.tensors.flatMap { tensor =>
      tensor.name.stripSuffix(".weight").stripPrefix("model.").split('.').toSeq match {
        case Seq("layers", l, "attention", "wqkv") =>
          val groups = split(tensor.values, dims * width).grouped(shared + 2).toVector
          def part(name: String, pick: Vector[Vec] => Seq[Vec]): NamedTensor = {
            val parts = groups.flatMap(pick)
            NamedTensor(s"blk.$l.$name.weight", Seq(parts.length * dims, width), parts.flatten.toArray)
          }
          Seq(
            GgufCopy.neighbours(part("attn_q", _.take(shared)), heads),
            GgufCopy.neighbours(part("attn_k", group => Seq(group(shared))), kvHeads),
            part("attn_v", group => Seq(group.last))
          )
        case Seq("layers", l, "attention", "wo") => Seq(tensor.copy(name = s"blk.$l.attn_output.weight"))
        case Seq("layers", l, "feed_forward", w) =>
          Seq(tensor.copy(name = s"blk.$l.${feedForward(w)}.weight"))
        case Seq("layers", l, "attention_norm") => Seq(tensor.copy(name = s"blk.$l.attn_norm.weight"))
        case Seq("layers", l, "ffn_norm")       => Seq(tensor.copy(name = s"blk.$l.ffn_norm.weight"))
        case Seq("tok_embeddings")              => Seq(tensor.copy(name = "token_embd.weight"))
        case Seq("norm")                        => Seq(tensor.copy(name = "output_norm.weight"))
        case Seq("output")                      => Seq(tensor)
      }
    }
    GgufCopy("internlm2", s.int("vocab_size"), GgufCopy.sizes(s), tensors)
  }

  val ALL: Seq[FamilyCase] = {
    val within = random(internLm25(32768), 91)
    val beyond = random(internLm25(16), 92)
    Seq(
      FamilyCase("InternLM 2.5", within, naive(within), Some(gguf(within))),
      FamilyCase("InternLM 2.5 beyond its window", beyond, naive(beyond), blocks = Seq(41))
    )
  }
}
