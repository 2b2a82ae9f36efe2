package org.longform.kernels.model.adapter

import java.nio.file.{Files, Path}

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model.{LayerShape, StoredModel, TinyModel}
import org.longform.kernels.model.prune.{Kept, Pruning}
import org.longform.kernels.tensor.{DType, Memory}
import org.longform.kernels.weights.{SafetensorsFiles, TempDirectory}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

class LoraAdapterSuite extends AnyFunSuite {
  private val model = TinyModel(tied = true, seed = 41)
  private val prefix = "base_model.model."

  /** One low-rank change: name of the module, sizes, A (r, in) and B (out, r). */
  private case class Change(module: String, out: Int, in: Int, a: Array[Float], b: Array[Float]) {
    def entries(dtype: String, rank: Int): Seq[SafetensorsFiles.Entry] = Seq(
      SafetensorsFiles.Entry(
        s"$prefix$module.lora_A.weight",
        dtype,
        Seq(rank.toLong, in.toLong),
        SafetensorsFiles.encode(dtype, a.toSeq)
      ),
      SafetensorsFiles.Entry(
        s"$prefix$module.lora_B.weight",
        dtype,
        Seq(out.toLong, rank.toLong),
        SafetensorsFiles.encode(dtype, b.toSeq)
      )
    )
  }

  private def change(module: String, out: Int, in: Int, rank: Int, seed: Int): Change = {
    val random = new Random(seed)
    def draw(n: Int) = Array.fill(n)((random.nextInt(255) - 127) / 256f)
    Change(module, out, in, draw(rank * in), draw(out * rank))
  }

  private def changes(rank: Int): Seq[Change] = (0 until 3).flatMap { layer =>
    Seq(
      change(s"model.layers.$layer.self_attn.q_proj", 32, 24, rank, layer),
      change(s"model.layers.$layer.self_attn.v_proj", 16, 24, rank, layer + 10),
      change(s"model.layers.$layer.mlp.down_proj", 24, 20, rank, layer + 20)
    )
  }

  private val plain: Map[String, String] = Map(
    "peft_type" -> "\"LORA\"",
    "r" -> "2",
    "lora_alpha" -> "8",
    "lora_dropout" -> "0.05",
    "bias" -> "\"none\"",
    "target_modules" -> """["q_proj","v_proj","down_proj"]"""
  )

  private def write(
      directory: Path,
      config: Map[String, String],
      entries: Seq[SafetensorsFiles.Entry]
  ): Path = {
    Files.createDirectories(directory)
    val json = config.map { case (k, v) => s""""$k":$v""" }.mkString("{", ",", "}")
    Files.writeString(directory.resolve("adapter_config.json"), json)
    SafetensorsFiles.write(directory.resolve("adapter_model.safetensors"), entries)
    directory
  }

  private def merged[A](
      config: Map[String, String],
      entries: Seq[SafetensorsFiles.Entry],
      of: TinyModel = model
  )(body: Path => A): A =
    TempDirectory.use { directory =>
      val adapter = write(directory.resolve("adapter"), config, entries)
      withChanged(of)(LoraAdapter.merge(_, adapter))(body)
    }

  private def check(config: Map[String, String], rank: Int, scale: Double, dtype: String = "F32"): Unit = {
    val all = changes(rank)
    val expected = model.altering(all.map { c =>
      s"${c.module}.weight" -> { (w: Array[Double]) =>
        for (o <- 0 until c.out; i <- 0 until c.in)
          w(o * c.in + i) += scale * (0 until rank)
            .map(k => c.b(o * rank + k) * c.a(k * c.in + i).toDouble)
            .sum
        w
      }
    }: _*)
    val ids = tokens(12, model.vocabulary, 1)
    merged(config, all.flatMap(_.entries(dtype, rank))) { path =>
      for ((name, values) <- tensors(path); (found, wanted) <- values.zip(expected.weights(name)))
        assert(math.abs(found - wanted) < 1e-6, name)
      assert(difference(logits(path, ids), naive(expected, ids)) < 1e-5)
      assert(difference(logits(path, ids), naive(model, ids)) > 1e-3)
    }
  }

  test("a merged adapter is W + alpha / r * B A, and nothing else changes") {
    check(plain, 2, 4)
    check(plain + ("target_modules" -> "\".*_proj\""), 2, 4, "BF16")
    check(plain ++ Map("r" -> "1", "lora_alpha" -> "0.5", "init_lora_weights" -> "true"), 1, 0.5, "F16")
  }

  test("a rank-stabilised adapter has alpha over the root of r") {
    check(plain ++ Map("r" -> "4", "use_rslora" -> "true"), 4, 4)
  }

  test("an adapter for a pruned model has the sizes of its layers") {
    val adapted = change("model.layers.1.mlp.up_proj", 2, 24, 2, 5)
    val config = plain + ("target_modules" -> "[\"up_proj\"]")
    TempDirectory.use { directory =>
      val adapter = write(directory.resolve("adapter"), config, adapted.entries("F32", 2))
      def ints(lists: Seq[Int]*) = lists.map(_.map(Int.box).asJava).asJava
      withChanged(model) { stored =>
        val all = Kept.all(stored.spec()).hidden()
        val pruned = Pruning.cut(
          stored,
          new Kept(all, ints(Seq(0, 1), Seq(1), Seq(0)), ints(0 until 20, Seq(3, 8), Seq(1)))
        )
        LoraAdapter.merge(pruned, adapter)
      } { path =>
        assert(opened(path)(_.spec().layer(1)) == new LayerShape(2, 1, 2))
        val up = tensors(path)("model.layers.1.mlp.up_proj.weight")
        val old = model.weights("model.layers.1.mlp.up_proj.weight")
        val first = old(3 * 24) + 4 * (adapted.b(0) * adapted.a(0) + adapted.b(1) * adapted.a(24))
        assert(math.abs(up(0) - first) < 1e-6)
      }
    }
  }

  private def refused(errorClass: ErrorClass, part: String)(
      config: Map[String, String] = plain,
      entries: Seq[SafetensorsFiles.Entry] = changes(2).flatMap(_.entries("F32", 2))
  ): Unit = {
    val before = Memory.allocatedBytes()
    val error = intercept[LongformException](merged(config, entries)(identity))
    assert(error.errorClass == errorClass, error.getMessage)
    assert(error.getMessage.contains(part), error.getMessage)
    assert(error.getMessage.length < 700)
    assert(Memory.allocatedBytes() == before)
  }

  test("a config that is missing a number, or asks for more than W + scale * B A, is refused") {
    val invalid = ErrorClass.INVALID_MODEL
    val unsupported = ErrorClass.UNSUPPORTED_MODEL
    refused(unsupported, "peft_type = LOHA, and only LORA can be merged")(plain + ("peft_type" -> "\"LOHA\""))
    refused(unsupported, "peft_type = null")(plain - "peft_type")
    for (value <- Seq("0", "-1", "1.5", "\"8\"", "99999999999"))
      refused(invalid, "adapter_config.json has r = ")(plain + ("r" -> value))
    for (value <- Seq("0", "-4", "\"x\"", "null", "1e999"))
      refused(invalid, "lora_alpha")(plain + ("lora_alpha" -> value))
    refused(invalid, "use_rslora = 1, expected true or false")(plain + ("use_rslora" -> "1"))
    refused(invalid, "target_modules = [], expected a list of names or a pattern")(
      plain + ("target_modules" -> "[]")
    )
    for (key <- Seq("use_dora", "fan_in_fan_out", "lora_bias"))
      refused(unsupported, s"$key = true, and only W + scale * B A can be merged")(plain + (key -> "true"))
    refused(unsupported, "bias = all, and it changes biases")(plain + ("bias" -> "\"all\""))
    refused(unsupported, "alpha_pattern = {q_proj=3}")(plain + ("alpha_pattern" -> """{"q_proj":3}"""))
    refused(unsupported, "modules_to_save = [lm_head]")(plain + ("modules_to_save" -> """["lm_head"]"""))
    refused(unsupported, "the base it was trained on is another one")(
      plain + ("init_lora_weights" -> "\"pissa\"")
    )
    refused(invalid, "it is not JSON")(plain + ("x" -> "{"))
  }

  test("tensors that do not belong to the model, do not fit it or are missing are refused by name") {
    val invalid = ErrorClass.INVALID_MODEL
    val all = changes(2).flatMap(_.entries("F32", 2))
    refused(
      ErrorClass.UNSUPPORTED_MODEL,
      "'base_model.model.lm_head.lora_A.weight' belongs to no projection"
    )(
      entries = all ++ change("lm_head", 50, 24, 2, 1).entries("F32", 2)
    )
    refused(
      ErrorClass.UNSUPPORTED_MODEL,
      "layers.3.self_attn.q_proj.lora_A.weight' belongs to no projection"
    )(
      entries = all ++ change("model.layers.3.self_attn.q_proj", 32, 24, 2, 1).entries("F32", 2)
    )
    refused(invalid, "q_proj.lora_B.weight' is missing")(
      entries = all.filterNot(_.name.contains("layers.1.self_attn.q_proj.lora_B"))
    )
    refused(invalid, "down_proj.lora_A.weight' has shape [4, 20], expected [2, 20]")(
      entries = changes(4).flatMap(_.entries("F32", 4))
    )
    refused(invalid, "up_proj', which is none of its target_modules")(
      entries = all ++ change("model.layers.0.mlp.up_proj", 20, 24, 2, 1).entries("F32", 2)
    )
    refused(invalid, "target module 'down_proj' has no tensors for this model")(
      entries = all.filterNot(_.name.contains("down_proj"))
    )
    refused(invalid, "adapter_model.safetensors has no tensors")(entries = Nil)
  }

  test("an adapter is not merged into a GGUF file, whose rows have another order") {
    TempDirectory.use { directory =>
      val source = model.write(Files.createDirectory(directory.resolve("source")))
      val file = rewrite(source, directory.resolve("model.gguf"))(identity)
      val adapter = write(directory.resolve("adapter"), plain, changes(2).flatMap(_.entries("F32", 2)))
      val error = intercept[LongformException](
        rewrite(file, directory.resolve("merged"), DType.F32)((m: StoredModel) =>
          LoraAdapter.merge(m, adapter)
        )
      )
      assert(error.errorClass == ErrorClass.UNSUPPORTED_MODEL)
      assert(error.getMessage.contains("convert the model to a directory first"))
    }
  }
}
