package org.longform.kernels.model.families

import java.nio.file.Path

import scala.collection.JavaConverters._

import org.longform.kernels.model.families.Naive.Vec
import org.longform.kernels.tensor.{DType, Shape}
import org.longform.kernels.weights.{GgufMetadata, GgufWriter, TensorSpec}

/** A model as llama.cpp's convert_hf_to_gguf.py writes it, without a tokenizer.
  *
  * @param architecture
  *   with which the keys begin
  * @param keys
  *   numbers and words without the architecture in front
  * @param llamaCppAgrees
  *   whether llama.cpp computes what the model does
  */
final case class GgufCopy(
    architecture: String,
    vocabulary: Int,
    keys: Seq[GgufCopy.Key],
    tensors: Seq[NamedTensor],
    llamaCppAgrees: Boolean = true
) {
  def metadata: GgufMetadata = {
    val all = new GgufMetadata()
      .putText("general.architecture", architecture)
      .putUint32(s"$architecture.vocab_size", vocabulary.toLong)
      .putText("tokenizer.ggml.model", "none")
    keys.foreach { case (key, value) =>
      val name = s"$architecture.$key"
      value match {
        case number: Int    => all.putUint32(name, number.toLong)
        case number: Double => all.putFloat32(name, number)
        case text: String   => all.putText(name, text)
      }
    }
    all
  }

  /** Norms and lists are float32 in every file. */
  def write(file: Path, matrices: DType = DType.F32): Path = {
    val specs = tensors.map { tensor =>
      val dtype = if (tensor.shape.length == 1) DType.F32 else matrices
      new TensorSpec(tensor.name, dtype, Shape.of(tensor.shape.map(_.toLong): _*))
    }
    val writer = GgufWriter.create(file, metadata, specs.asJava)
    try {
      tensors.foreach(tensor => writer.write(tensor.values.map(_.toFloat)))
      writer.finish()
    } finally writer.close()
    file
  }
}

object GgufCopy {
  type Key = (String, Any)

  /** What TextModel.set_gguf_parameters writes of every config.json. */
  def sizes(s: Settings): Seq[Key] = Seq(
    "block_count" -> s.int("num_hidden_layers"),
    "context_length" -> s.int("max_position_embeddings"),
    "embedding_length" -> s.int("hidden_size"),
    "feed_forward_length" -> s.int("intermediate_size"),
    "attention.head_count" -> s.int("num_attention_heads"),
    "attention.head_count_kv" -> s.int("num_key_value_heads"),
    "attention.layer_norm_rms_epsilon" -> s.number("rms_norm_eps")
  ) ++ (if (s.has("rope_theta")) Seq("rope.freq_base" -> s.number("rope_theta")) else Nil) ++
    (if (s.has("head_dim"))
       Seq("attention.key_length" -> s.int("head_dim"), "attention.value_length" -> s.int("head_dim"))
     else Nil)

  private val parts = Seq(
    "self_attn.q_proj" -> "attn_q",
    "self_attn.k_proj" -> "attn_k",
    "self_attn.v_proj" -> "attn_v",
    "self_attn.o_proj" -> "attn_output",
    "self_attn.qkv_proj" -> "attn_qkv",
    "self_attn.q_norm" -> "attn_q_norm",
    "self_attn.k_norm" -> "attn_k_norm",
    "input_layernorm" -> "attn_norm",
    "pre_feedforward_layernorm" -> "ffn_norm",
    "post_feedforward_layernorm" -> "post_ffw_norm",
    "mlp.gate_up_proj" -> "ffn_up",
    "mlp.gate_proj" -> "ffn_gate",
    "mlp.up_proj" -> "ffn_up",
    "mlp.down_proj" -> "ffn_down"
  ).toMap

  private val InLayer = """model\.layers\.(\d+)\.(.*)\.(weight|bias)""".r

  /** The name of a tensor in GGUF; post_attention_layernorm, which means two things, is `second` there. */
  def named(second: String)(tensor: NamedTensor): NamedTensor = tensor.copy(name = tensor.name match {
    case InLayer(l, "post_attention_layernorm", end) => s"blk.$l.$second.$end"
    case InLayer(l, part, end)                       => s"blk.$l.${parts(part)}.$end"
    case "model.embed_tokens.weight"                 => "token_embd.weight"
    case "model.norm.weight"                         => "output_norm.weight"
    case "lm_head.weight"                            => "output.weight"
  })

  /** Reorders the rows of each head so that the two that are turned together are neighbours. */
  def neighbours(tensor: NamedTensor, heads: Int): NamedTensor = {
    val rows: Seq[Vec] = tensor.values.grouped(tensor.values.length / tensor.shape.head).toVector
    val headDim = rows.length / heads
    val order = rows.indices.map { r =>
      val (head, i) = (r / headDim, r % headDim)
      head * headDim + i / 2 + (if (i % 2 == 0) 0 else headDim / 2)
    }
    tensor.copy(values = order.flatMap(rows(_)).toArray)
  }

  /** The tensors of a model whose queries and keys llama.cpp turns by neighbours. */
  def llamaTensors(c: Checkpoint, second: String = "ffn_norm"): Seq[NamedTensor] =
    c.tensors.filterNot(_.name.endsWith("inv_freq")).map { tensor =>
      val heads =
        if (tensor.name.contains("q_proj")) c.settings.int("num_attention_heads")
        else if (tensor.name.contains("k_proj")) c.settings.int("num_key_value_heads")
        else 0
      named(second)(if (heads == 0) tensor else neighbours(tensor, heads))
    }

  def rotated(s: Settings): Key = "rope.dimension_count" -> HuggingFaceNames.headDim(s)

  /** The matrices of all experts as one tensor. */
  def stacked(name: String, experts: Seq[NamedTensor]): NamedTensor =
    NamedTensor(name, experts.length +: experts.head.shape, experts.flatMap(_.values.toSeq).toArray)

  /** A list of factors for frequencies. */
  def factors(name: String, values: Seq[Double]): NamedTensor =
    NamedTensor(name + ".weight", Seq(values.length), values.toArray)
}
