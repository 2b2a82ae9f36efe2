package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.families.Checkpoint.{bias, gain, matrix}
import org.longform.kernels.model.families.Naive._

/** GPT-J: attention and feed-forward part beside each other after one norm, neighbours of the first
  * dimensions of a head are turned, biases outside of the attention and on the logits (modeling_gptj.py).
  */
object GptJCases {

  private val gptJ = """{
    "activation_function": "gelu_new",
    "architectures": ["GPTJForCausalLM"],
    "attn_pdrop": 0.0,
    "bos_token_id": 50256,
    "embd_pdrop": 0.0,
    "eos_token_id": 50256,
    "gradient_checkpointing": false,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "model_type": "gptj",
    "n_embd": 48,
    "n_head": 3,
    "n_inner": null,
    "n_layer": 3,
    "n_positions": 2048,
    "resid_pdrop": 0.0,
    "rotary": true,
    "rotary_dim": 8,
    "scale_attn_weights": true,
    "summary_activation": null,
    "summary_first_dropout": 0.1,
    "summary_proj_to_labels": true,
    "summary_type": "cls_index",
    "summary_use_proj": true,
    "task_specific_params": {
      "text-generation": {"do_sample": true, "max_length": 50, "temperature": 1.0}
    },
    "tie_word_embeddings": false,
    "tokenizer_class": "GPT2Tokenizer",
    "transformers_version": "4.18.0.dev0",
    "use_cache": true,
    "vocab_size": 101
  }"""

  private def layer(l: Int): String = s"transformer.h.$l."

  private def random(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val width = s.int("n_embd")
    Checkpoint.random(config, "F16", seed) {
      Seq(matrix("transformer.wte", s.int("vocab_size"), width)) ++
        (0 until s.int("n_layer")).map(layer).flatMap { p =>
          Seq(
            gain(p + "ln_1", width),
            bias(p + "ln_1", width),
            matrix(p + "mlp.fc_in", 4 * width, width),
            bias(p + "mlp.fc_in", 4 * width),
            matrix(p + "mlp.fc_out", width, 4 * width),
            bias(p + "mlp.fc_out", width)
          ) ++ Seq("k_proj", "v_proj", "q_proj", "out_proj")
            .map(part => matrix(p + "attn." + part, width, width))
        } ++ Seq(
          gain("transformer.ln_f", width),
          bias("transformer.ln_f", width),
          matrix("lm_head", s.int("vocab_size"), width),
          bias("lm_head", s.int("vocab_size"))
        )
    }
  }

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val dims = s.int("n_embd") / s.int("n_head")
    val turning = NaiveRope.plain(s.int("rotary_dim"), 10000)
    def norm(name: String, x: Vec): Vec =
      layerNorm(x, c(name + ".weight"), Some(c(name + ".bias")), s.number("layer_norm_epsilon"))
    def affine(name: String, x: Vec): Vec = plus(linear(c(name + ".weight"), x), c(name + ".bias"))

    var stream = text.map(row(c("transformer.wte.weight"), _, s.int("n_embd")))
    for (p <- (0 until s.int("n_layer")).map(layer)) {
      val inputs = stream.map(norm(p + "ln_1", _))
      def heads(part: String) = inputs.map(x => split(linear(c(p + s"attn.$part.weight"), x), dims))
      def turned(part: String) = heads(part).zipWithIndex.map { case (each, t) =>
        each.map(turnNeighbours(_, t, turning))
      }
      val mixed = attention(
        turned("q_proj"),
        turned("k_proj"),
        heads("v_proj"),
        causal,
        (_, _, _, product) => product / math.sqrt(dims.toDouble)
      ).map(linear(c(p + "attn.out_proj.weight"), _))
      val fed = inputs.map(x => affine(p + "mlp.fc_out", affine(p + "mlp.fc_in", x).map(geluTanh)))
      stream = stream.indices.map(t => plus(stream(t), plus(mixed(t), fed(t))))
    }
    stream.map(x => affine("lm_head", norm("transformer.ln_f", x)))
  }

  // llama.cpp has a name for it and no graph
  val ALL: Seq[FamilyCase] = {
    val c = random(gptJ, 101)
    Seq(FamilyCase("GPT-J 6B", c, naive(c)))
  }
}
