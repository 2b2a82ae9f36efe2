package org.longform.spark.job

import java.nio.{ByteBuffer, ByteOrder}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

import org.longform.datasets.models.BundledModels
import org.longform.kernels.model.{LayerShape, StoredModel}
import org.longform.kernels.tensor.{DType, Shape}
import org.longform.kernels.weights.{SafetensorsWriter, TensorSpec}
import org.longform.runtime.LongformRuntime
import org.longform.spark.SparkSuite

import scala.collection.JavaConverters._

/** The commands prune and merge-lora, and their models in Spark. */
class ChangedModelCommandsSuite extends SparkSuite {
  override protected def sparkConf: Map[String, String] =
    Map("spark.plugins" -> classOf[org.longform.spark.LongformPlugin].getName)

  private val text =
    "The sample size of the Veldra cohort was 4821. The code name of the Kelmos cohort was amber falcon. " * 20

  private def prune(target: Path, arguments: String*): String = {
    val RanCommand(code, out, err) =
      RanCommand.of(Seq("prune", "--model", "longform-tiny", "--to", target.toString) ++ arguments: _*)
    assert(code == 0, err)
    // only a file whose layers differ is one that llama.cpp refuses
    assert(
      err.contains("llama.cpp does not load") == (target.toString.endsWith(".gguf") && shapes(
        target
      ).distinct.size > 1)
    )
    assert(out.startsWith("Pruned longform-tiny: ") && out.contains(target.toString), out)
    out
  }

  private def calibration(): Path = Files.writeString(emptyFolder().resolve("calibration.txt"), text)

  private def shapes(model: Path): Seq[LayerShape] = StoredModel.spec(model).layerShapes().asScala.toList

  private def perplexity(model: String): Double =
    spark.sql(s"SELECT ai_perplexity('${text.take(400)}', map('model', '$model'))").head().getDouble(0)

  test("a pruned model is a model directory of the same type, and Spark reads with it") {
    val target = emptyFolder().resolve("model")
    val out = prune(target, "--ratio", "0.5", "--calibration", calibration().toString, "--layers", "1-3")
    val whole = new LayerShape(6, 2, 320)
    val half = new LayerShape(3, 1, 160)
    assert(shapes(target) == Seq(whole, half, half, half))
    assert(out.contains("layer  0: 6 of 6 query heads, 2 of 2 key/value heads, 320 of 320 channels"))
    assert(out.contains("layer  3: 3 of 6 query heads, 1 of 2 key/value heads, 160 of 320 channels"))
    // 4 layers of 2 heads of 32 half floats, keys and values; 3 heads are gone
    assert(out.contains("640 of 1,024 bytes of keys and values a token"))
    assert(Files.exists(target.resolve("tokenizer.json")))
    val model = StoredModel.open(target)
    try assert(model.matrixType() == DType.BF16)
    finally model.close()
    val before = perplexity("longform-tiny")
    val after = perplexity(target.toString)
    assert(after > before && after < 1000 * before, s"$before $after")
  }

  test("a pruned model goes straight to a quantised GGUF file") {
    val target = emptyFolder().resolve("model.gguf")
    prune(target, "--ratio", "0.5", "--importance", "l2", "--layers", "0-0", "--dtype", "q8_0")
    assert(shapes(target).map(_.intermediate()) == Seq(160, 320, 320, 320))
    assert(perplexity(target.toString) > 1)
  }

  test("dimensions of the residual stream, or the last layers, can go instead") {
    val narrow = emptyFolder().resolve("narrow")
    prune(narrow, "--mode", "channel", "--importance", "l2", "--ratio", "0.25")
    assert(StoredModel.spec(narrow).hidden() == 96 && perplexity(narrow.toString) > 1)
    val shallow = emptyFolder().resolve("shallow.gguf")
    prune(shallow, "--mode", "layer", "--keep-layers", "3", "--dtype", "q8_0")
    assert(shapes(shallow) == Seq.fill(3)(new LayerShape(6, 2, 320)) && perplexity(shallow.toString) > 1)
  }

  /** A safetensors file with these tensors: name, dtype, shape, bytes. */
  private def writeTensors(file: Path, tensors: Seq[(String, String, Seq[Long], Array[Byte])]): Unit = {
    val ends = tensors.scanLeft(0L)(_ + _._4.length)
    val header = tensors
      .zip(ends)
      .map { case ((name, dtype, shape, data), at) =>
        s""""$name":{"dtype":"$dtype","shape":[${shape.mkString(
            ","
          )}],"data_offsets":[$at,${at + data.length}]}"""
      }
      .mkString("{", ",", "}")
      .getBytes(UTF_8)
    val length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length.toLong).array()
    Files.write(file, length ++ header ++ tensors.toArray.flatMap(_._4))
  }

  /** The bundled model with the output projections of its layers as int8 in rows. */
  private def int8Model(): Path = {
    val bundled = BundledModels.localDirectory("longform-tiny")
    val target = emptyFolder()
    bundled.toFile.listFiles
      .filter(f => f.getName.endsWith(".json") && f.getName != "config.json")
      .foreach(f => Files.copy(f.toPath, target.resolve(f.getName)))
    val config = Files.readString(bundled.resolve("config.json")).trim.stripSuffix("}")
    Files.writeString(
      target.resolve("config.json"),
      config +
        ""","quantization_config":{"quant_method":"compressed-tensors","format":"int-quantized","config_groups":
          |{"g":{"targets":["re:.*o_proj"],"weights":{"num_bits":8,"type":"int","strategy":"channel"}}}}}""".stripMargin
    )
    def floats(values: Seq[Float]): Array[Byte] = {
      val buffer = ByteBuffer.allocate(4 * values.size).order(ByteOrder.LITTLE_ENDIAN)
      values.foreach(buffer.putFloat)
      buffer.array()
    }
    val model = StoredModel.open(bundled)
    val tensors =
      try
        model.weights().names().asScala.toSeq.sorted.flatMap { name =>
          val shape = model.weights().shape(name).get
          val axes = (0 until shape.rank()).map(i => shape.axis(i))
          val values = model.weights().tensor(name, shape).toArray
          if (!name.contains("o_proj")) Seq((name, "F32", axes, floats(values.toSeq)))
          else {
            val rows = values.grouped(axes(1).toInt).toSeq
            val scales = rows.map(row => row.map(math.abs).max / 127)
            val levels = rows.zip(scales).flatMap { case (row, s) => row.map(w => math.round(w / s).toByte) }
            Seq(
              (name, "I8", axes, levels.toArray),
              (name + "_scale", "F32", Seq(axes.head, 1L), floats(scales))
            )
          }
        }
      finally model.close()
    writeTensors(target.resolve("model.safetensors"), tensors)
    target
  }

  test("a checkpoint in few bits is read, and inspect says how it is stored") {
    val model = int8Model()
    val RanCommand(code, page, err) = RanCommand.of("inspect", "--model", model.toString)
    assert(code == 0, err)
    assert(
      page.contains("Weights are stored as compressed-tensors (8 bits in rows, symmetric), in 4 matrices")
    )
    val found = perplexity(model.toString)
    val base = perplexity("longform-tiny")
    assert(math.abs(found / base - 1) < 0.05 && found != base, s"$found $base")
  }

  test("wrong arguments of prune are one sentence") {
    val target = emptyFolder().resolve("model").toString
    val base = Seq("prune", "--model", "longform-tiny", "--to", target)
    def refused(code: Int, part: String)(arguments: String*): Unit = {
      val RanCommand(found, out, err) = RanCommand.of(base ++ arguments: _*)
      assert(found == code, err)
      assert(out.isEmpty && err.linesIterator.size == 1 && err.contains(part), err)
      assert(!Files.exists(Path.of(target)))
    }
    refused(
      2,
      "Cannot use 'importance' of method 'llm-pruner': expected one of l1, l2, random, taylor-first, "
    )(
      "--importance",
      "l3"
    )
    refused(
      2,
      "Cannot use 'mode' of method 'llm-pruner': expected one of block, channel, layer (value 'head')"
    )(
      "--mode",
      "head"
    )
    refused(2, "12 layers cannot be kept of a model that has 4")("--mode", "layer")
    refused(
      2,
      "Cannot use 'aggregate' of method 'llm-pruner': expected one of sum, prod, max, first, last (value 'mean')"
    )(
      "--importance",
      "l2",
      "--aggregate",
      "mean"
    )
    refused(
      2,
      "Cannot prune by taylor-first: its gradients need a text. Give --calibration, or --importance l2."
    )()
    refused(2, "expected the first and the last layer, such as 4-29, or none (value '3-1')")(
      "--layers",
      "3-1"
    )
    refused(2, "attention layers 2-9 are not all in the model, which has layers 0 to 3")(
      "--importance",
      "l2",
      "--attention-layers",
      "2-9"
    )
    refused(2, "the ratio must be from 0 on and below 1 (1.5)")("--importance", "l2", "--ratio", "1.5")
    refused(1, "there is no such file")("--calibration", "/no/such/text")
    val short = Files.writeString(emptyFolder().resolve("short.txt"), "few words")
    refused(1, " tokens, and one piece takes 64")("--calibration", short.toString)
    val wrong = Files.write(emptyFolder().resolve("wrong.txt"), Array[Byte](65, -1, -2, 66))
    refused(1, "it is not UTF-8")("--calibration", wrong.toString)
    refused(2, "Cannot use 'sample-tokens' of method 'llm-pruner': must be at least 2 (value '1')")(
      "--sample-tokens",
      "1"
    )
  }

  test("an adapter is merged, and the merged model reads otherwise than its base") {
    val adapter = emptyFolder()
    Files.writeString(
      adapter.resolve("adapter_config.json"),
      """{"peft_type":"LORA","r":1,"lora_alpha":2,"target_modules":["o_proj"]}"""
    )
    val names = (0 until 4).map(layer => s"base_model.model.model.layers.$layer.self_attn.o_proj")
    val specs = names.flatMap { name =>
      Seq(
        new TensorSpec(name + ".lora_A.weight", DType.F32, Shape.of(1L, 192L)),
        new TensorSpec(name + ".lora_B.weight", DType.F32, Shape.of(128L, 1L))
      )
    }
    val writer = SafetensorsWriter.create(adapter.resolve("adapter_model.safetensors"), specs.asJava)
    try {
      specs.foreach(spec => writer.write(Array.fill(spec.shape().elements().toInt)(0.02f)))
      writer.finish()
    } finally writer.close()
    val target = emptyFolder().resolve("merged")
    val RanCommand(code, out, err) = RanCommand.of(
      "merge-lora",
      "--model",
      "longform-tiny",
      "--adapter",
      adapter.toString,
      "--to",
      target.toString,
      "--dtype",
      "f32"
    )
    assert(code == 0, err)
    assert(out.startsWith(s"Merged $adapter into longform-tiny, "))
    val name = "model.layers.2.self_attn.o_proj.weight"
    def weights(path: Path): Array[Float] = {
      val model = StoredModel.open(path)
      try model.weights().tensor(name, Shape.of(128L, 192L)).toArray
      finally model.close()
    }
    val changes =
      weights(target).zip(weights(BundledModels.localDirectory("longform-tiny"))).map { case (a, b) => a - b }
    assert(changes.forall(change => math.abs(change - 2 * 0.02 * 0.02) < 1e-6))
    val base = perplexity("longform-tiny")
    val merged = perplexity(target.toString)
    assert(merged != base)
    // the same without a file: merged when the model is loaded
    val row = spark
      .sql(
        s"SELECT d.value, d.model_revision FROM (SELECT ai_perplexity_detail('${text.take(400)}'," +
          s" map('model', 'longform-tiny', 'adapter', '$adapter')) AS d)"
      )
      .head()
    assert(
      math.abs(row.getString(0).toDouble - merged) < 0.1 * math.abs(merged - base),
      s"$row $merged $base"
    )
    assert(row.getString(1).contains("+"))
    val RanCommand(shown, page, _) = RanCommand.of("inspect", "--adapter", adapter.toString)
    assert(shown == 0 && page.contains(s"adapter         $adapter"), page)
    assert(page.contains(s"Adapter '$adapter' changes 4 weights and replaces 0"), page)
    val RanCommand(again, _, refusal) =
      RanCommand.of(
        "merge-lora",
        "--model",
        "longform-tiny",
        "--adapter",
        "/no/such",
        "--to",
        target.toString,
        "--overwrite"
      )
    assert(again == 1 && refusal.contains("adapter_config.json': the file does not exist"))
    assert(LongformRuntime.describe(java.util.Map.of("model", target.toString)).contains(s"model=$target"))
  }
}
