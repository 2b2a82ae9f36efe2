package org.longform.decoding

import java.nio.{ByteBuffer, ByteOrder}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

import scala.util.Random

import org.longform.kernels.device.Kernels
import org.longform.kernels.model.Decoder

/** Models of a few kilobytes: a random one, and one that says the same few tokens again and again. */
object TinyDecoder {
  private val Heads = 4
  private val KvHeads = 2
  private val HeadDim = 8

  /** A file of float32 tensors. */
  def safetensors(file: Path, tensors: Seq[(String, Seq[Int], Seq[Float])]): Path = {
    var at = 0
    val entries = tensors.map { case (name, shape, values) =>
      require(values.size == shape.product, name)
      val from = at
      at += values.size * 4
      s""""$name":{"dtype":"F32","shape":[${shape.mkString(",")}],"data_offsets":[$from,$at]}"""
    }
    val header = entries.mkString("{", ",", "}")
    val padded = header.padTo((header.length + 7) / 8 * 8, ' ').getBytes(UTF_8)
    val bytes = ByteBuffer.allocate(8 + padded.length + at).order(ByteOrder.LITTLE_ENDIAN)
    bytes.putLong(padded.length.toLong).put(padded)
    tensors.foreach(_._3.foreach(value => bytes.putFloat(value)))
    Files.write(file, bytes.array())
  }

  private def write(
      directory: Path,
      vocabulary: Int,
      hidden: Int,
      layers: Int,
      values: (String, Seq[Int]) => Seq[Float]
  ): Path = {
    val inner = 16
    val shapes = Seq(
      "model.embed_tokens.weight" -> Seq(vocabulary, hidden),
      "model.norm.weight" -> Seq(hidden),
      "lm_head.weight" -> Seq(vocabulary, hidden)
    ) ++ (0 until layers).flatMap { layer =>
      Seq(
        "input_layernorm" -> Seq(hidden),
        "post_attention_layernorm" -> Seq(hidden),
        "self_attn.q_proj" -> Seq(Heads * HeadDim, hidden),
        "self_attn.k_proj" -> Seq(KvHeads * HeadDim, hidden),
        "self_attn.v_proj" -> Seq(KvHeads * HeadDim, hidden),
        "self_attn.o_proj" -> Seq(hidden, Heads * HeadDim),
        "mlp.gate_proj" -> Seq(inner, hidden),
        "mlp.up_proj" -> Seq(inner, hidden),
        "mlp.down_proj" -> Seq(hidden, inner)
      ).map { case (name, shape) => s"model.layers.$layer.$name.weight" -> shape }
    }
    Files.write(
      directory.resolve("config.json"),
      s"""{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu","vocab_size":$vocabulary,
         |"hidden_size":$hidden,"intermediate_size":$inner,"num_hidden_layers":$layers,
         |"num_attention_heads":$Heads,"num_key_value_heads":$KvHeads,"head_dim":$HeadDim,
         |"max_position_embeddings":64,"rms_norm_eps":1e-5,"rope_theta":10000.0}""".stripMargin.getBytes(
        UTF_8
      )
    )
    safetensors(
      directory.resolve("model.safetensors"),
      shapes.map { case (name, shape) => (name, shape, values(name, shape)) }
    )
    directory
  }

  private def load(directory: Path, kernels: Kernels): Decoder = Decoder.load(directory, kernels)

  def random(kernels: Kernels, vocabulary: Int, hidden: Int, seed: Long, layers: Int = 2): Decoder = {
    val random = new Random(seed)
    def values(name: String, shape: Seq[Int]): Seq[Float] =
      Seq.fill(shape.product)(
        if (name.contains("norm")) 1f
        else random.nextGaussian().toFloat * (if (name.startsWith("lm_head")) 0.35f else 0.6f)
      )
    load(write(Files.createTempDirectory("tiny"), vocabulary, hidden, layers, values), kernels)
  }

  /** After token i always comes i + 1, and after the last the first. */
  def cycle(kernels: Kernels, period: Int): Decoder = {
    def values(name: String, shape: Seq[Int]): Seq[Float] =
      if (name.contains("norm")) Seq.fill(shape.product)(1f)
      else if (name.startsWith("model.embed"))
        for (row <- 0 until period; column <- 0 until period) yield if (row == column) 1f else 0f
      else if (name.startsWith("lm_head"))
        for (row <- 0 until period; column <- 0 until period)
          yield if (row == (column + 1) % period) 1f else 0f
      else Seq.fill(shape.product)(0f)
    load(write(Files.createTempDirectory("cycle"), period, period, 1, values), kernels)
  }
}
