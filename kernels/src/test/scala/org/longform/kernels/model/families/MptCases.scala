package org.longform.kernels.model.families

import org.longform.kernels.model.families.Checkpoint.{gain, matrix}
import org.longform.kernels.model.families.Naive._

/** MPT: no positions but a bias by distance, steeper for some heads than for others (Press et al. 2022,
  * ALiBi); norms without biases; one matrix for queries, keys and values, whose results are bounded in the
  * model for stories (modeling_mpt.py).
  */
object MptCases {

  // six heads are no power of two
  private val mpt7b = """{
    "architectures": ["MPTForCausalLM"],
    "attn_config": {
      "alibi": true,
      "alibi_bias_max": 8,
      "attn_impl": "torch",
      "attn_pdrop": 0,
      "attn_type": "multihead_attention",
      "attn_uses_sequence_id": false,
      "clip_qkv": null,
      "prefix_lm": false,
      "qk_ln": false,
      "softmax_scale": null
    },
    "auto_map": {
      "AutoConfig": "configuration_mpt.MPTConfig",
      "AutoModelForCausalLM": "modeling_mpt.MPTForCausalLM"
    },
    "d_model": 48,
    "emb_pdrop": 0,
    "embedding_fraction": 1.0,
    "expansion_ratio": 4,
    "init_config": {
      "emb_init_std": null,
      "emb_init_uniform_lim": null,
      "fan_mode": "fan_in",
      "init_div_is_residual": true,
      "init_gain": 0,
      "init_nonlinearity": "relu",
      "init_std": 0.02,
      "name": "kaiming_normal_",
      "verbose": 0
    },
    "init_device": "cpu",
    "learned_pos_emb": true,
    "logit_scale": null,
    "max_seq_len": 2048,
    "model_type": "mpt",
    "n_heads": 6,
    "n_layers": 3,
    "no_bias": true,
    "norm_type": "low_precision_layernorm",
    "resid_pdrop": 0,
    "tokenizer_name": "EleutherAI/gpt-neox-20b",
    "torch_dtype": "bfloat16",
    "transformers_version": "4.28.1",
    "use_cache": false,
    "verbose": 0,
    "vocab_size": 101
  }"""

  private val storywriter = mpt7b
    .replace("\"alibi_bias_max\": 8", "\"alibi_bias_max\": 16")
    .replace("\"clip_qkv\": null", "\"clip_qkv\": 2")
    .replace("\"max_seq_len\": 2048", "\"max_seq_len\": 65536")
    .replace("\"n_heads\": 6", "\"n_heads\": 4")

  private def layer(l: Int): String = s"transformer.blocks.$l."

  def random(config: String, seed: Long): Checkpoint = {
    val s = Checkpoint.settings(config)
    val width = s.int("d_model")
    val inner = width * s.int("expansion_ratio")
    Checkpoint.random(config, "BF16", seed) {
      matrix("transformer.wte", s.int("vocab_size"), width) +:
        (0 until s.int("n_layers")).map(layer).flatMap { p =>
          Seq(
            gain(p + "norm_1", width),
            matrix(p + "attn.Wqkv", 3 * width, width),
            matrix(p + "attn.out_proj", width, width),
            gain(p + "norm_2", width),
            matrix(p + "ffn.up_proj", inner, width),
            matrix(p + "ffn.down_proj", width, inner)
          )
        } :+ gain("transformer.norm_f", width)
    }
  }

  /** For a power of two a geometric row down to 2^-most; for others the odd ones of twice as many come later.
    */
  private def slopes(heads: Int, most: Double): Seq[Double] = {
    val power = Iterator.iterate(1)(_ * 2).dropWhile(_ < heads).next()
    val row = (1 to power).map(i => math.pow(2, -i * most / power))
    if (power == heads) row
    else (row.indices.filter(_ % 2 == 1) ++ row.indices.filter(_ % 2 == 0)).map(row).take(heads)
  }

  def naive(c: Checkpoint)(text: Seq[Int]): Seq[Vec] = {
    val s = c.settings
    val kind = s.section("attn_config")
    val (width, heads) = (s.int("d_model"), s.int("n_heads"))
    val dims = width / heads
    val steep = slopes(heads, kind.number("alibi_bias_max"))
    def bounded(x: Double): Double =
      if (kind.has("clip_qkv")) math.max(-kind.number("clip_qkv"), math.min(kind.number("clip_qkv"), x))
      else x
    def norm(name: String, x: Vec): Vec = layerNorm(x, c(name + ".weight"), None, 1e-5)
    def project(name: String, x: Vec): Vec = linear(c(name + ".weight"), x)

    var stream = text.map(row(c("transformer.wte.weight"), _, width))
    for (p <- (0 until s.int("n_layers")).map(layer)) {
      val fused = stream.map(x => project(p + "attn.Wqkv", norm(p + "norm_1", x)).map(bounded))
      def third(i: Int) = fused.map(x => split(x.slice(i * width, (i + 1) * width), dims))
      val mixed = attention(
        third(0),
        third(1),
        third(2),
        causal,
        (h, t, k, product) => product / math.sqrt(dims.toDouble) - steep(h) * (t - k)
      )
      stream = stream.zip(mixed).map { case (x, m) =>
        val y = plus(x, project(p + "attn.out_proj", m))
        plus(y, project(p + "ffn.down_proj", project(p + "ffn.up_proj", norm(p + "norm_2", y)).map(gelu)))
      }
    }
    stream.map(x => project("transformer.wte", norm("transformer.norm_f", x)))
  }

  private val parts = Map(
    "norm_1" -> "attn_norm",
    "attn.Wqkv" -> "attn_qkv",
    "attn.out_proj" -> "attn_output",
    "norm_2" -> "ffn_norm",
    "ffn.up_proj" -> "ffn_up",
    "ffn.down_proj" -> "ffn_down"
  )

  private val InLayer = """transformer\.blocks\.(\d+)\.(.*)\.weight""".r

  def gguf(c: Checkpoint): GgufCopy = {
    val s = c.settings
    val kind = s.section("attn_config")
    val clip = if (kind.has("clip_qkv")) Seq("attention.clamp_kqv" -> kind.number("clip_qkv")) else Nil
    GgufCopy(
      "mpt",
      s.int("vocab_size"),
      Seq(
        "context_length" -> s.int("max_seq_len"),
        "embedding_length" -> s.int("d_model"),
        "block_count" -> s.int("n_layers"),
        "feed_forward_length" -> 4 * s.int("d_model"),
        "attention.head_count" -> s.int("n_heads"),
        "attention.layer_norm_epsilon" -> 1e-5,
        "attention.max_alibi_bias" -> kind.number("alibi_bias_max")
      ) ++ clip,
      c.tensors.map { tensor =>
        tensor.copy(name = tensor.name match {
          case InLayer(l, part)            => s"blk.$l.${parts(part)}.weight"
          case "transformer.wte.weight"    => "token_embd.weight"
          case "transformer.norm_f.weight" => "output_norm.weight"
        })
      }
    )
  }

  private def entry(name: String, config: String, seed: Long): FamilyCase = {
    val c = random(config, seed)
    FamilyCase(name, c, naive(c), Some(gguf(c)))
  }

  val ALL: Seq[FamilyCase] =
    Seq(entry("MPT 7B", mpt7b, 111), entry("MPT 7B StoryWriter", storywriter, 112))
}
