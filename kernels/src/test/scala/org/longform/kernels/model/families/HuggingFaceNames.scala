package org.longform.kernels.model.families

import org.longform.kernels.model.families.Checkpoint.{Slot, matrix}

/** The tensors of the models that are named as Llama is, by their shapes. */
object HuggingFaceNames {

  def outside(s: Settings, tied: Boolean): Seq[Slot] =
    matrix("model.embed_tokens", s.int("vocab_size"), s.int("hidden_size")) +:
      (if (tied) Nil else Seq(matrix("lm_head", s.int("vocab_size"), s.int("hidden_size"))))

  def layer(l: Int): String = s"model.layers.$l."

  def headDim(s: Settings): Int =
    if (s.has("head_dim")) s.int("head_dim") else s.int("hidden_size") / s.int("num_attention_heads")

  def projections(p: String, s: Settings): Seq[Slot] = {
    val (queries, keys) =
      (s.int("num_attention_heads") * headDim(s), s.int("num_key_value_heads") * headDim(s))
    Seq(
      matrix(p + "self_attn.q_proj", queries, s.int("hidden_size")),
      matrix(p + "self_attn.k_proj", keys, s.int("hidden_size")),
      matrix(p + "self_attn.v_proj", keys, s.int("hidden_size")),
      matrix(p + "self_attn.o_proj", s.int("hidden_size"), queries)
    )
  }

  def gatedFeedForward(p: String, s: Settings): Seq[Slot] = Seq(
    matrix(p + "mlp.gate_proj", s.int("intermediate_size"), s.int("hidden_size")),
    matrix(p + "mlp.up_proj", s.int("intermediate_size"), s.int("hidden_size")),
    matrix(p + "mlp.down_proj", s.int("hidden_size"), s.int("intermediate_size"))
  )
}
