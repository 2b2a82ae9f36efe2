package org.longform.kernels.model

import java.nio.file.{Files, Path}

import scala.collection.JavaConverters._
import scala.util.Random

import com.fasterxml.jackson.databind.ObjectMapper
import org.longform.kernels.weights.SafetensorsFiles

/** A model of a few kilobytes of any family, with random weights under the names that its files have. */
final case class TinyFamily(name: String, config: String, seed: Long = 1) {
  def spec(directory: Path): DecoderSpec = {
    Files.writeString(directory.resolve("config.json"), config)
    val read = ModelConfig.read(directory)
    ModelFamilies.of(read).spec(read)
  }

  /** With other values in its config, given as the rest of a JSON object: `,"key":value`. */
  def altered(more: String): TinyFamily = {
    val json = new ObjectMapper()
    val values = json.readValue(config, classOf[java.util.LinkedHashMap[String, Object]])
    values.putAll(
      json.readValue("{" + more.trim.stripPrefix(",") + "}", classOf[java.util.LinkedHashMap[String, Object]])
    )
    copy(config = json.writeValueAsString(values))
  }

  /** Writes config and weights; what a family stores as one tensor is one here. */
  def write(directory: Path): Path = {
    val made = spec(directory)
    val random = new Random(seed)
    val fused = for {
      layer <- 0 until made.layers()
      one <- made.names().fused().asScala
    } yield one.stored().replace("%d", layer.toString) -> one
      .parts()
      .asScala
      .map(_.replace("%d", layer.toString))
    val stored = fused.flatMap { case (whole, parts) => parts.map(_ -> whole) }.toMap
    val shapes = WeightShapes.of(made).asScala.toSeq.map { case (name, shape) =>
      val end = name.substring(name.lastIndexOf('.'))
      val axes = (0 until shape.rank()).map(shape.axis(_))
      (stored.getOrElse(name.stripSuffix(end), name.stripSuffix(end)) + end, axes)
    }
    val whole = shapes.map(_._1).distinct.map { name =>
      val parts = shapes.filter(_._1 == name).map(_._2)
      name -> (parts.map(_.head).sum +: parts.head.tail)
    }
    val entries = whole.map { case (name, shape) =>
      // vectors near 1, so that norms and biases matter and nothing vanishes
      val values = Seq.fill(shape.product.toInt)(
        if (shape.size == 1) 0.5f + random.nextFloat() else (random.nextFloat() - 0.5f)
      )
      SafetensorsFiles.Entry(name, "F32", shape, SafetensorsFiles.encode("F32", values))
    }
    SafetensorsFiles.write(directory.resolve("model.safetensors"), entries)
    directory
  }
}

object TinyFamilies {
  private val sizes =
    """"vocab_size":64,"hidden_size":24,"intermediate_size":40,"num_hidden_layers":4,"num_attention_heads":4,
      |"num_key_value_heads":2,"head_dim":8,"max_position_embeddings":128,"rms_norm_eps":1e-5,"rope_theta":10000.0""".stripMargin

  def of(family: String, architecture: String, more: String = ""): TinyFamily =
    TinyFamily(family, s"""{"architectures":["$architecture"],"model_type":"$family",$sizes$more}""")

  private val divisors = (1 to 4).map(i => 1 + 0.25 * i)

  val ALL: Seq[TinyFamily] = Seq(
    of("mistral", "MistralForCausalLM", ""","sliding_window":9"""),
    of("mixtral", "MixtralForCausalLM", ""","num_local_experts":5,"num_experts_per_tok":2"""),
    of(
      "qwen2",
      "Qwen2ForCausalLM",
      ""","use_sliding_window":true,"sliding_window":9,"max_window_layers":2"""
    ),
    of("qwen3", "Qwen3ForCausalLM"),
    of(
      "qwen3_moe",
      "Qwen3MoeForCausalLM",
      ""","moe_intermediate_size":12,"num_experts":6,"num_experts_per_tok":3,"norm_topk_prob":true"""
    ),
    of(
      "phi3",
      "Phi3ForCausalLM",
      s""","sliding_window":11,"original_max_position_embeddings":16,"rope_scaling":{"type":"longrope",
         |"short_factor":${divisors.mkString("[", ",", "]")},"long_factor":${divisors
          .map(_ * 2)
          .mkString("[", ",", "]")}}""".stripMargin.replace("\n", "")
    ),
    of("gemma", "GemmaForCausalLM"),
    of("gemma2", "Gemma2ForCausalLM", ""","sliding_window":9,"query_pre_attn_scalar":8"""),
    of(
      "gemma3_text",
      "Gemma3ForCausalLM",
      ""","sliding_window":9,"sliding_window_pattern":2,"query_pre_attn_scalar":8"""
    ),
    of(
      "granite",
      "GraniteForCausalLM",
      ""","embedding_multiplier":12,"attention_multiplier":0.3,"residual_multiplier":0.22,"logits_scaling":8"""
    ),
    of("olmo2", "Olmo2ForCausalLM"),
    of("internlm2", "InternLM2ForCausalLM"),
    of("smollm3", "SmolLM3ForCausalLM", ""","tie_word_embeddings":false"""),
    TinyFamily(
      "gptj",
      """{"architectures":["GPTJForCausalLM"],"model_type":"gptj","vocab_size":64,"n_embd":32,"n_layer":3,"n_head":4,
        |"n_positions":128,"rotary_dim":4,"tie_word_embeddings":false}""".stripMargin
    ),
    TinyFamily(
      "mpt",
      """{"architectures":["MPTForCausalLM"],"model_type":"mpt","vocab_size":64,"d_model":32,"n_layers":3,"n_heads":4,
        |"expansion_ratio":2,"max_seq_len":128,"no_bias":true,"attn_config":{"alibi":true,"clip_qkv":2.0}}""".stripMargin
    )
  )

  def named(family: String): TinyFamily = ALL.find(_.name == family).get
}
