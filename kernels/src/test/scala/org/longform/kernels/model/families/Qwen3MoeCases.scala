package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.Checkpoint.{gain, matrix}
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** Qwen 3 with experts: the attention of Qwen 3, and many narrow experts (modeling_qwen3_moe.py). */
object Qwen3MoeCases {

  private val qwen3Moe = """{
    "architectures": ["Qwen3MoeForCausalLM"],
    "attention_bias": false,
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "decoder_sparse_step": 1,
    "eos_token_id": 151645,
    "head_dim": 16,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 144,
    "max_position_embeddings": 40960,
    "max_window_layers": 3,
    "mlp_only_layers": [],
    "model_type": "qwen3_moe",
    "moe_intermediate_size": 20,
    "norm_topk_prob": true,
    "num_attention_heads": 6,
    "num_experts": 7,
    "num_experts_per_tok": 3,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "output_router_logits": false,
    "rms_norm_eps": 1e-06,
    "rope_scaling": null,
    "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.001,
    "sliding_window": null,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.51.0",
    "use_cache": true,
    "use_sliding_window": false,
    "vocab_size": 101
  }"""

  private def expert(p: String, e: Int, part: String): String = s"${p}mlp.experts.$e.$part"

  private def random(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val (width, inner, experts) =
      (s.int("hidden_size"), s.int("moe_intermediate_size"), s.int("num_experts"))
    Checkpoint.random(config, "BF16", seed) {
      outside(s, tied = false) ++ (0 until s.int("num_hidden_layers")).map(layer).flatMap { p =>
        Seq(
          gain(p + "input_layernorm", width),
          gain(p + "post_attention_layernorm", width),
          gain(p + "self_attn.q_norm", s.int("head_dim")),
          gain(p + "self_attn.k_norm", s.int("head_dim")),
          matrix(p + "mlp.gate", experts, width)
        ) ++ projections(p, s) ++ (0 until experts).flatMap { e =>
          Seq(
            matrix(expert(p, e, "gate_proj"), inner, width),
            matrix(expert(p, e, "up_proj"), inner, width),
            matrix(expert(p, e, "down_proj"), width, inner)
          )
        }
      } :+ gain("model.norm", width)
    }
  }

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val (dims, epsilon) = (s.int("head_dim"), s.number("rms_norm_eps"))
    val turning = NaiveRope.plain(dims, s.number("rope_theta"))
    def project(name: String, x: Vec): Vec = linear(c(name + ".weight"), x)
    def norm(name: String, x: Vec): Vec = rmsNorm(x, c(name + ".weight"), epsilon)

    def mixture(p: String, x: Vec): Vec = {
      val likings = softmax(project(p + "mlp.gate", x).toSeq)
      val best = likings.indices.sortBy(e => -likings(e)).take(s.int("num_experts_per_tok"))
      val whole = best.map(likings).sum
      best
        .map { e =>
          val gate = project(expert(p, e, "gate_proj"), x).map(silu)
          val inner = times(gate, project(expert(p, e, "up_proj"), x))
          scaled(project(expert(p, e, "down_proj"), inner), likings(e) / whole)
        }
        .reduce(plus(_, _))
    }

    var stream = text.map(row(c("model.embed_tokens.weight"), _, s.int("hidden_size")))
    for (p <- (0 until s.int("num_hidden_layers")).map(layer)) {
      val a = p + "self_attn."
      val inputs = stream.map(norm(p + "input_layernorm", _))
      def heads(part: String) = inputs.map(x => split(project(a + part + "_proj", x), dims))
      def turned(part: String) = heads(part).zipWithIndex.map { case (each, t) =>
        each.map(head => turnHalves(norm(a + part + "_norm", head), t, turning))
      }
      val mixed = attention(
        turned("q"),
        turned("k"),
        heads("v"),
        causal,
        (_, _, _, product) => product / math.sqrt(dims.toDouble)
      )
      stream = stream.zip(mixed).map { case (x, m) =>
        val y = plus(x, project(a + "o_proj", m))
        plus(y, mixture(p, norm(p + "post_attention_layernorm", y)))
      }
    }
    stream.map(x => project("lm_head", norm("model.norm", x)))
  }

  private def gguf(c: Checkpoint): GgufCopy = {
    val s = c.settings
    val experts = 0 until s.int("num_experts")
    val plain = c.tensors.filterNot(_.name.contains("mlp.")).map(GgufCopy.named("ffn_norm"))
    val sparse = (0 until s.int("num_hidden_layers")).flatMap { l =>
      val p = layer(l)
      c.tensor(p + "mlp.gate.weight").copy(name = s"blk.$l.ffn_gate_inp.weight") +:
        Seq("gate", "up", "down").map { part =>
          GgufCopy.stacked(
            s"blk.$l.ffn_${part}_exps.weight",
            experts.map(e => c.tensor(expert(p, e, part + "_proj") + ".weight"))
          )
        }
    }
    GgufCopy(
      "qwen3moe",
      s.int("vocab_size"),
      GgufCopy.sizes(s) ++ Seq(
        "expert_count" -> s.int("num_experts"),
        "expert_used_count" -> s.int("num_experts_per_tok"),
        "expert_feed_forward_length" -> s.int("moe_intermediate_size")
      ),
      plain ++ sparse
    )
  }

  val ALL: Seq[FamilyCase] = {
    val c = random(qwen3Moe, 131)
    Seq(FamilyCase("Qwen 3 30B A3B", c, naive(c), Some(gguf(c))))
  }
}
