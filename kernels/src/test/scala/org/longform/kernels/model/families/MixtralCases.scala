package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.Checkpoint.{gain, matrix}
import org.longform.kernels.model.families.HuggingFaceNames._
import org.longform.kernels.model.families.Naive._

/** Mixtral: each token goes through the two experts that a router likes best (modeling_mixtral.py). */
object MixtralCases {

  private val mixtral = """{
    "architectures": ["MixtralForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 36,
    "max_position_embeddings": 32768,
    "model_type": "mixtral",
    "num_attention_heads": 6,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "num_local_experts": 5,
    "output_router_logits": false,
    "rms_norm_eps": 1e-05,
    "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.02,
    "sliding_window": null,
    "tie_word_embeddings": false,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.36.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private def expert(p: String, e: Int, part: String): String = s"${p}block_sparse_moe.experts.$e.$part"

  def random(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val (width, inner, experts) =
      (s.int("hidden_size"), s.int("intermediate_size"), s.int("num_local_experts"))
    Checkpoint.random(config, "BF16", seed) {
      outside(s, tied = false) ++ (0 until s.int("num_hidden_layers")).map(layer).flatMap { p =>
        Seq(gain(p + "input_layernorm", width), gain(p + "post_attention_layernorm", width)) ++
          projections(p, s) ++ Seq(matrix(p + "block_sparse_moe.gate", experts, width)) ++
          (0 until experts).flatMap { e =>
            Seq(
              matrix(expert(p, e, "w1"), inner, width),
              matrix(expert(p, e, "w2"), width, inner),
              matrix(expert(p, e, "w3"), inner, width)
            )
          }
      } :+ gain("model.norm", width)
    }
  }

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val (width, epsilon, dims) = (s.int("hidden_size"), s.number("rms_norm_eps"), headDim(s))
    val turning = NaiveRope.plain(dims, s.number("rope_theta"))
    def project(name: String)(x: Vec): Vec = linear(c(name + ".weight"), x)

    def mixture(p: String, x: Vec): Vec = {
      val likings = softmax(project(p + "block_sparse_moe.gate")(x).toSeq)
      val best = likings.indices.sortBy(e => -likings(e)).take(s.int("num_experts_per_tok"))
      best
        .map { e =>
          val gate = project(expert(p, e, "w1"))(x).map(silu)
          val inner = times(gate, project(expert(p, e, "w3"))(x))
          scaled(project(expert(p, e, "w2"))(inner), likings(e) / best.map(likings).sum)
        }
        .reduce(plus(_, _))
    }

    var stream = text.map(row(c("model.embed_tokens.weight"), _, width))
    for (p <- (0 until s.int("num_hidden_layers")).map(layer)) {
      val inputs = stream.map(rmsNorm(_, c(p + "input_layernorm.weight"), epsilon))
      def heads(part: String) = inputs.map(x => split(project(p + "self_attn." + part)(x), dims))
      def turned(part: String) = heads(part).zipWithIndex.map { case (each, t) =>
        each.map(turnHalves(_, t, turning))
      }
      val mixed =
        attention(
          turned("q_proj"),
          turned("k_proj"),
          heads("v_proj"),
          causal,
          (_, _, _, x) => x / math.sqrt(dims.toDouble)
        )
      stream = stream.zip(mixed).map { case (x, m) => plus(x, project(p + "self_attn.o_proj")(m)) }
      stream = stream.map { x =>
        plus(x, mixture(p, rmsNorm(x, c(p + "post_attention_layernorm.weight"), epsilon)))
      }
    }
    stream.map(x => project("lm_head")(rmsNorm(x, c("model.norm.weight"), epsilon)))
  }

  def gguf(c: Checkpoint): GgufCopy = {
    val s = c.settings
    val experts = 0 until s.int("num_local_experts")
    val plain = c.copy(tensors = c.tensors.filterNot(_.name.contains("block_sparse_moe")))
    val sparse = (0 until s.int("num_hidden_layers")).flatMap { l =>
      def stacked(part: String, name: String): NamedTensor =
        GgufCopy.stacked(
          s"blk.$l.$name.weight",
          experts.map(e => c.tensor(expert(layer(l), e, part) + ".weight"))
        )
      Seq(
        c.tensor(layer(l) + "block_sparse_moe.gate.weight").copy(name = s"blk.$l.ffn_gate_inp.weight"),
        stacked("w1", "ffn_gate_exps"),
        stacked("w2", "ffn_down_exps"),
        stacked("w3", "ffn_up_exps")
      )
    }
    GgufCopy(
      "llama",
      s.int("vocab_size"),
      GgufCopy.sizes(s) ++ Seq(
        GgufCopy.rotated(s),
        "expert_count" -> s.int("num_local_experts"),
        "expert_used_count" -> s.int("num_experts_per_tok")
      ),
      GgufCopy.llamaTensors(plain) ++ sparse
    )
  }

  val ALL: Seq[FamilyCase] = {
    val c = random(mixtral, 21)
    Seq(FamilyCase("Mixtral 8x7B", c, naive(c), Some(gguf(c))))
  }
}
