package org.longform.kernels.model

import java.nio.file.{Files, Path}

import scala.util.Random

import org.longform.kernels.weights.SafetensorsFiles

/** A random model of a few kilobytes. Its values are multiples of 1/256 below 1/2, which every supported
  * dtype holds exactly. What is `stored` of a tensor takes its place in the files.
  */
final case class TinyModel(
    heads: Int = 4,
    kvHeads: Int = 2,
    headDim: Int = 8,
    hidden: Int = 24,
    intermediate: Int = 20,
    layers: Int = 3,
    vocabulary: Int = 50,
    window: Int = 64,
    dtype: String = "F32",
    tied: Boolean = false,
    biases: Boolean = false,
    shards: Int = 1,
    rope: String = "",
    clexWidth: Int = 0,
    seed: Long = 1,
    altered: Map[String, Array[Double]] = Map.empty,
    stored: Map[String, Seq[SafetensorsFiles.Entry]] = Map.empty
) {

  private val shapes: Seq[(String, Seq[Int])] = {
    val perLayer = (0 until layers).flatMap { l =>
      val p = s"model.layers.$l."
      val matrices = Seq(
        "self_attn.q_proj" -> Seq(heads * headDim, hidden),
        "self_attn.k_proj" -> Seq(kvHeads * headDim, hidden),
        "self_attn.v_proj" -> Seq(kvHeads * headDim, hidden),
        "self_attn.o_proj" -> Seq(hidden, heads * headDim),
        "mlp.gate_proj" -> Seq(intermediate, hidden),
        "mlp.up_proj" -> Seq(intermediate, hidden),
        "mlp.down_proj" -> Seq(hidden, intermediate)
      )
      Seq("input_layernorm", "post_attention_layernorm").map(n => s"$p$n.weight" -> Seq(hidden)) ++
        matrices.map { case (n, shape) =>
          s"$p$n.weight" -> shape
        } ++
        (if (biases) matrices.map { case (n, shape) => s"$p$n.bias" -> shape.take(1) }
         else Nil)
    }
    Seq("model.embed_tokens.weight" -> Seq(vocabulary, hidden), "model.norm.weight" -> Seq(hidden)) ++
      (if (tied) Nil else Seq("lm_head.weight" -> Seq(vocabulary, hidden))) ++ perLayer ++ clex
  }

  private def clex: Seq[(String, Seq[Int])] =
    if (clexWidth == 0) Nil
    else
      Seq(
        "model.clex_layer.proj_func.ode_up_proj" -> Seq(headDim / 2, clexWidth),
        "model.clex_layer.proj_func.ode_down_proj" -> Seq(clexWidth, headDim / 2)
      )

  /** Name, rows and columns of every matrix of the layers. */
  def matrices: Seq[(String, Int, Int)] = shapes.collect {
    case (name, Seq(out, in)) if name.contains(".layers.") => (name, out, in)
  }

  val weights: Map[String, Array[Double]] = {
    val random = new Random(seed)
    shapes.map { case (name, shape) =>
      name -> Array.fill(shape.product)((random.nextInt(255) - 127) / 256.0)
    }.toMap ++ altered
  }

  /** The same model with other values in some tensors. */
  def altering(change: (String, Array[Double] => Array[Double])*): TinyModel =
    copy(altered = altered ++ change.map { case (name, f) => name -> f(weights(name).clone()) })

  def configJson: String =
    s"""{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu","vocab_size":$vocabulary,
       |"hidden_size":$hidden,"intermediate_size":$intermediate,"num_hidden_layers":$layers,
       |"num_attention_heads":$heads,"num_key_value_heads":$kvHeads,"head_dim":$headDim,
       |"max_position_embeddings":$window,"rms_norm_eps":1e-5,"rope_theta":10000.0,
       |"attention_bias":$biases,"mlp_bias":$biases,"tie_word_embeddings":$tied$rope}""".stripMargin

  def write(directory: Path): Path = {
    Files.writeString(directory.resolve("config.json"), configJson)
    val entries = shapes.flatMap { case (name, shape) =>
      stored.getOrElse(
        name,
        Seq(
          SafetensorsFiles.Entry(
            name,
            dtype,
            shape.map(_.toLong),
            SafetensorsFiles.encode(dtype, weights(name).map(_.toFloat).toSeq)
          )
        )
      )
    }
    if (shards == 1) SafetensorsFiles.write(directory.resolve("model.safetensors"), entries)
    else {
      val parts = entries.zipWithIndex.groupBy(_._2 % shards).toSeq.sortBy(_._1)
      val places = parts.flatMap { case (i, part) =>
        SafetensorsFiles.write(directory.resolve(s"part-$i.safetensors"), part.map(_._1))
        part.map(entry => s""""${entry._1.name}":"part-$i.safetensors"""")
      }
      Files.writeString(
        directory.resolve("model.safetensors.index.json"),
        places.mkString("{\"metadata\":{},\"weight_map\":{", ",", "}}")
      )
    }
    directory
  }
}
