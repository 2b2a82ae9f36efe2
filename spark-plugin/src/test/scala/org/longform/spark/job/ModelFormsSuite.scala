package org.longform.spark.job

import java.nio.file.{Files, Path}

import com.fasterxml.jackson.databind.node.ObjectNode
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.longform.datasets.models.BundledModels
import org.longform.kernels.model.StoredModel
import org.longform.kernels.tensor.{DType, Shape}
import org.longform.kernels.weights.{GgufMetadata, GgufWeights, GgufWriter, SafetensorsWriter, TensorSpec}
import org.longform.spark.SparkSuite

import scala.collection.JavaConverters._

/** The bundled model in other forms that models come in: inspect tells them, and Spark reads with them. */
class ModelFormsSuite extends SparkSuite {
  override protected def sparkConf: Map[String, String] =
    Map("spark.plugins" -> classOf[org.longform.spark.LongformPlugin].getName)

  private val bundled = BundledModels.localDirectory("longform-tiny")
  private val json = new ObjectMapper
  private val text =
    "The sample size of the Veldra cohort was 4821. The code name of the Kelmos cohort was amber falcon. " * 4

  private def command(arguments: String*): String = {
    val ran = RanCommand.of(arguments: _*)
    assert(ran.code == 0, ran.err)
    ran.out
  }

  private def inspected(model: Path): JsonNode =
    json.readTree(command("inspect", "--json", "--model", model.toString))

  private def answer(model: String): (String, Double) = {
    val row = spark
      .sql(
        s"""SELECT ai_ask('$text', 'What was the sample size of the Veldra cohort?', map('model', '$model')),
           |ai_perplexity('$text', map('model', '$model'))""".stripMargin
      )
      .head()
    (row.getString(0), row.getDouble(1))
  }

  /** Numbers that matter to who plans with a model. */
  private def sizes(report: JsonNode): Seq[Long] =
    Seq("parameters", "file_bytes", "weight_bytes", "trained_window").map(report.get(_).asLong)

  private val parts = Seq("vision_tower.patches.weight", "multi_modal_projector.weight")

  /** The bundled model as the text part of a checkpoint that sees, too. */
  private def seeing(): Path = {
    val target = emptyFolder()
    bundled.toFile.listFiles
      .filter(f => f.getName.endsWith(".json") && f.getName != "config.json")
      .foreach(f => Files.copy(f.toPath, target.resolve(f.getName)))
    val own = json.readTree(bundled.resolve("config.json").toFile).asInstanceOf[ObjectNode]
    own.remove("architectures")
    own.put("model_type", "mistral").putNull("sliding_window")
    val whole = json.createObjectNode().put("model_type", "mistral3")
    whole.putArray("architectures").add("Mistral3ForConditionalGeneration")
    whole.set[JsonNode]("torch_dtype", own.remove("torch_dtype"))
    whole.set[JsonNode]("text_config", own)
    whole.putObject("vision_config").put("model_type", "pixtral")
    Files.writeString(target.resolve("config.json"), json.writeValueAsString(whole))
    val model = StoredModel.open(bundled)
    try {
      val names = model.weights().names().asScala.toSeq.sorted
      val tensors = names.map(name =>
        new TensorSpec("language_model." + name, DType.BF16, model.weights().shape(name).get)
      ) ++ parts.map(new TensorSpec(_, DType.BF16, Shape.of(1000)))
      val writer = SafetensorsWriter.create(target.resolve("model.safetensors"), tensors.asJava)
      try {
        names.foreach(name =>
          writer.write(model.weights().tensor(name, model.weights().shape(name).get).toArray)
        )
        parts.foreach(_ => writer.write(new Array[Float](1000)))
        writer.finish()
      } finally writer.close()
    } finally model.close()
    target
  }

  test("a checkpoint that sees, too, answers as its text part alone, and inspect says what is not read") {
    val model = seeing()
    val report = inspected(model)
    assert(report.get("family").asText == "mistral")
    assert(sizes(report) == sizes(inspected(bundled)))
    assert(
      report.get("storage").asScala.map(_.asText).toSeq == Seq(
        "Text alone is read: 2 tensors of other parts (multi_modal_projector, vision_tower) are not"
      )
    )
    assert(report.get("unsupported").size == 0, report.get("unsupported"))
    assert(answer(model.toString) == answer("longform-tiny"))
  }

  /** The first of three parts, as llama.cpp's gguf-split writes them: the first has the metadata alone. */
  private def inParts(whole: Path): Path = {
    val folder = emptyFolder()
    val weights = GgufWeights.open(whole)
    try {
      val names = weights.names().asScala.toSeq.sorted
      for ((own, i) <- Seq(Nil, names.take(20), names.drop(20)).zipWithIndex) {
        val metadata = (if (i == 0) weights.metadata().copy() else new GgufMetadata)
          .putUint32("split.no", i.toLong)
          .putUint32("split.count", 3)
          .putUint32("split.tensors.count", names.size.toLong)
        val specs = own.map(name => new TensorSpec(name, DType.F32, weights.shape(name).get))
        val writer =
          GgufWriter.create(folder.resolve(s"tiny-0000${i + 1}-of-00003.gguf"), metadata, specs.asJava)
        try {
          own.foreach(name => writer.write(weights.tensor(name, weights.shape(name).get).toArray))
          writer.finish()
        } finally writer.close()
      }
    } finally weights.close()
    folder.resolve("tiny-00001-of-00003.gguf")
  }

  test("a GGUF file in parts answers as the whole one, and all its bytes are counted") {
    val whole = emptyFolder().resolve("tiny.gguf")
    command("convert", "--model", "longform-tiny", "--to", whole.toString, "--dtype", "f32")
    val first = inParts(whole)
    val report = inspected(first)
    assert(report.get("format").asText == "GGUF in 3 files")
    assert(sizes(report) == sizes(inspected(whole)))
    assert(report.get("unsupported").size == 0, report.get("unsupported"))
    assert(answer(first.toString) == answer(whole.toString))
    Files.delete(first.resolveSibling("tiny-00003-of-00003.gguf"))
    val missing = inspected(first).get("unsupported").asScala.map(_.asText).toSeq
    assert(
      missing.size == 1 && missing.head.contains("part 3 ('tiny-00003-of-00003.gguf') is missing"),
      missing
    )
  }
}
