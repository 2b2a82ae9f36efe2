package org.longform.kernels.model.adapter

import java.nio.file.{Files, Path}

import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model.{Decoder, StoredModel, TinyFamilies, TinyFamily}
import org.longform.kernels.tensor.Memory
import org.longform.kernels.weights.{SafetensorsFiles, SafetensorsWeights, TempDirectory}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** Adapters for models whose files have several weights in one matrix. */
class FusedAdapterSuite extends AnyFunSuite {
  private val rank = 3
  private val scale = 4.0 // alpha 12 over the rank
  private val prefix = "base_model.model."

  private case class Change(module: String, out: Int, in: Int) {
    private val random = new Random(module.hashCode.toLong)
    private def draw(n: Int): Array[Float] = Array.fill(n)((random.nextInt(255) - 127) / 512f)
    val a: Array[Float] = draw(rank * in)
    val b: Array[Float] = draw(out * rank)

    def added(o: Int, i: Int): Double =
      scale * (0 until rank).map(k => b(o * rank + k).toDouble * a(k * in + i)).sum

    def entries: Seq[SafetensorsFiles.Entry] = Seq(
      entry("lora_A", Seq(rank, in), a),
      entry("lora_B", Seq(out, rank), b)
    )

    private def entry(factor: String, shape: Seq[Int], values: Array[Float]): SafetensorsFiles.Entry =
      SafetensorsFiles.Entry(
        s"$prefix$module.$factor.weight",
        "F32",
        shape.map(_.toLong),
        SafetensorsFiles.encode("F32", values.toSeq)
      )
  }

  private def adapter(directory: Path, targets: Seq[String], entries: Seq[SafetensorsFiles.Entry]): Path = {
    Files.createDirectories(directory)
    Files.writeString(
      directory.resolve("adapter_config.json"),
      s"""{"peft_type":"LORA","r":$rank,"lora_alpha":12,"target_modules":${targets.mkString(
          "[\"",
          "\",\"",
          "\"]"
        )}}"""
    )
    SafetensorsFiles.write(directory.resolve("adapter_model.safetensors"), entries)
    directory
  }

  /** The tensors as the files have them, not as a model of the family reads them. */
  private def stored(directory: Path): Map[String, (Seq[Long], Array[Float])] = {
    val files = SafetensorsWeights.open(directory)
    try
      files
        .names()
        .asScala
        .map { name =>
          val shape = files.shape(name).get
          name -> ((0 until shape.rank()).map(shape.axis) -> files.tensor(name, shape).toArray)
        }
        .toMap
    finally files.close()
  }

  private def logitsWith(directory: Path, adapter: Path, ids: Array[Int]): Array[Float] = {
    val model = StoredModel.open(directory)
    val merged =
      try LoraAdapter.mergeToRead(model, adapter)
      catch { case e: Throwable => model.close(); throw e }
    val decoder = Decoder.load(merged, new ReferenceDevice().open(1))
    try logits(decoder, ids)
    finally decoder.close()
  }

  private val cases = Seq(
    "phi3" -> Seq("self_attn.qkv_proj", "mlp.gate_up_proj", "mlp.down_proj"),
    "internlm2" -> Seq("attention.wqkv", "feed_forward.w3"),
    "mpt" -> Seq("attn.Wqkv")
  )

  private def changes(whole: Map[String, (Seq[Long], Array[Float])], targets: Seq[String]): Seq[Change] =
    whole.toSeq.sortBy(_._1).collect {
      case (name, (Seq(out, in), _)) if targets.exists(target => name.endsWith(s".$target.weight")) =>
        Change(name.stripSuffix(".weight"), out.toInt, in.toInt)
    }

  private def using(family: String)(body: (TinyFamily, Path, Path) => Unit): Unit =
    TempDirectory.use { directory =>
      val tiny = TinyFamilies.named(family)
      body(tiny, tiny.write(Files.createDirectory(directory.resolve("source"))), directory)
    }

  for ((family, targets) <- cases)
    test(
      s"an adapter of $family for ${targets.mkString(", ")} is merged into the matrices that the files have"
    ) {
      using(family) { (_, source, directory) =>
        val whole = stored(source)
        val all = changes(whole, targets)
        assert(all.size % targets.size === 0 && all.size >= 3)
        val names = targets.map(target => target.substring(target.lastIndexOf('.') + 1))
        val lora = adapter(directory.resolve("adapter"), names, all.flatMap(_.entries))
        val merged = rewrite(source, directory.resolve("merged"))(LoraAdapter.merge(_, lora))
        val found = stored(merged)
        assert(found.keySet === whole.keySet)
        for ((name, (shape, values)) <- whole) {
          assert(found(name)._1 === shape)
          all.find(change => s"${change.module}.weight" == name) match {
            case None => assert(found(name)._2.toSeq === values.toSeq, name)
            case Some(change) =>
              for (o <- 0 until change.out; i <- 0 until change.in) {
                val expected = values(o * change.in + i) + change.added(o, i)
                assert(math.abs(found(name)._2(o * change.in + i) - expected) < 1e-6, s"$name[$o][$i]")
              }
          }
        }
        val ids = tokens(12, 64, 1)
        val expected = logits(merged, ids).map(_.toDouble)
        assert(difference(logitsWith(source, lora, ids), expected) < 1e-6)
        assert(difference(logits(source, ids), expected) > 1e-3)
      }
    }

  private def refused(errorClass: ErrorClass, part: String, targets: String*)(
      entries: Seq[Change] => Seq[SafetensorsFiles.Entry]
  ): Unit =
    using("phi3") { (_, source, directory) =>
      val all = changes(stored(source), Seq("self_attn.qkv_proj"))
      val lora = adapter(directory.resolve("adapter"), "qkv_proj" +: targets, entries(all))
      val before = Memory.allocatedBytes()
      val error = intercept[LongformException](logitsWith(source, lora, tokens(4, 64, 1)))
      assert(error.errorClass === errorClass, error.getMessage)
      assert(error.getMessage.contains(part), error.getMessage)
      assert(Memory.allocatedBytes() === before)
    }

  test("factors that do not fit the whole matrix, are missing or change a part of it twice are refused") {
    val invalid = ErrorClass.INVALID_MODEL
    // 4 heads of 8 for queries, 2 for keys and for values
    refused(invalid, "qkv_proj.lora_B.weight' has shape [32, 3], expected [64, 3]")(all =>
      all.flatMap(change => change.copy(out = 32).entries)
    )
    refused(invalid, "qkv_proj.lora_A.weight' has shape [3, 64], expected [3, 24]")(all =>
      all.flatMap(change => change.copy(in = 64).entries)
    )
    refused(invalid, "layers.2.self_attn.qkv_proj.lora_B.weight' is missing")(all =>
      all.flatMap(_.entries).filterNot(_.name.contains("layers.2.self_attn.qkv_proj.lora_B"))
    )
    refused(
      invalid,
      "modules 'model.layers.1.self_attn.k_proj' and 'model.layers.1.self_attn.qkv_proj' change the same weights",
      "k_proj"
    )(all => all.flatMap(_.entries) ++ Change("model.layers.1.self_attn.k_proj", 16, 24).entries)
    refused(ErrorClass.UNSUPPORTED_MODEL, "gate_proj_up.lora_A.weight' belongs to no projection")(all =>
      all.flatMap(_.entries) ++ Change("model.layers.1.mlp.gate_proj_up", 80, 24).entries
    )
  }

  test("an adapter for a checkpoint that sees, too, is merged into its text part, whatever it is called") {
    TempDirectory.use { directory =>
      val tiny = TinyFamilies.named("gemma3_text")
      val source = tiny.write(Files.createDirectory(directory.resolve("source")))
      val all = changes(stored(source), Seq("self_attn.q_proj", "mlp.up_proj"))
      val ids = tokens(12, 64, 1)
      def read(naming: String => String): Array[Float] = {
        val entries =
          all.flatMap(_.entries).map(e => e.copy(name = prefix + naming(e.name.stripPrefix(prefix))))
        val name = s"adapter-${naming("")}".replace('.', '-')
        logitsWith(source, adapter(directory.resolve(name), Seq("q_proj", "up_proj"), entries), ids)
      }
      val expected = read(identity).toSeq
      assert(difference(logits(source, ids), expected.map(_.toDouble).toArray) > 1e-3)
      assert(read("language_model." + _).toSeq === expected)
      assert(read(name => "model.language_model." + name.stripPrefix("model.")).toSeq === expected)
      val error = intercept[LongformException](read("vision_tower." + _))
      assert(error.errorClass === ErrorClass.UNSUPPORTED_MODEL)
      assert(
        error.getMessage.contains(
          "'base_model.model.vision_tower.model.layers.0.mlp.up_proj.lora_A.weight' belongs"
        )
      )
    }
  }
}
