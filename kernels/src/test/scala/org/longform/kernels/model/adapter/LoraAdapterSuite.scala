package org.longform.kernels.model.adapter

import java.nio.file.{Files, Path}

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.model.{Decoder, LayerShape, StoredModel, TinyModel}
import org.longform.kernels.model.prune.{Kept, Pruning}
import org.longform.kernels.tensor.{DType, Memory, Shape}
import org.longform.kernels.weights.checkpoint.Checkpoints
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
    val expected = adding(model, all, _ => scale)
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

  test("modules may have a rank and an alpha of their own") {
    val low = changes(2).filterNot(_.module.contains("v_proj"))
    val high = (0 until 3).map(l => change(s"model.layers.$l.self_attn.v_proj", 16, 24, 4, l + 10))
    val config = plain ++ Map(
      "rank_pattern" -> """{"v_proj":4}""",
      "alpha_pattern" -> """{"layers.0.self_attn.v_proj":2,".*mlp.down_pro[a-j]":1}""",
      "fan_in_fan_out" -> "true"
    )
    val scales = (c: Change) =>
      if (c.module.contains("layers.0.self_attn.v_proj")) 0.5
      else if (c.module.contains("v_proj")) 2.0
      else if (c.module.contains("down_proj")) 0.5
      else 4.0
    val all = low ++ high
    val entries = low.flatMap(_.entries("F32", 2)) ++ high.flatMap(_.entries("F32", 4))
    val expected = adding(model, all, scales)
    merged(config, entries) { path =>
      for ((name, values) <- tensors(path); (found, wanted) <- values.zip(expected.weights(name)))
        assert(math.abs(found - wanted) < 1e-6, name)
    }
  }

  private def adding(to: TinyModel, all: Seq[Change], scale: Change => Double): TinyModel =
    to.altering(all.map { c =>
      val rank = c.a.length / c.in
      s"${c.module}.weight" -> { (w: Array[Double]) =>
        for (o <- 0 until c.out; i <- 0 until c.in)
          w(o * c.in + i) += scale(c) * (0 until rank)
            .map(k => c.b(o * rank + k) * c.a(k * c.in + i).toDouble)
            .sum
        w
      }
    }: _*)

  private def saved(name: String, shape: Seq[Long], seed: Int): SafetensorsFiles.Entry = {
    val random = new Random(seed)
    val values = Seq.fill(shape.product.toInt)((random.nextInt(255) - 127) / 256f)
    SafetensorsFiles.Entry(prefix + name, "F32", shape, SafetensorsFiles.encode("F32", values))
  }

  test("modules that were saved whole replace the model's") {
    val untied = TinyModel(seed = 42)
    val config = plain + ("modules_to_save" -> """["lm_head","embed_tokens","input_layernorm"]""")
    val whole = Seq(
      saved("lm_head.weight", Seq(50, 24), 1),
      saved("model.embed_tokens.modules_to_save.weight", Seq(50, 24), 2),
      saved("model.layers.1.input_layernorm.modules_to_save.default.weight", Seq(24), 3)
    )
    val all = changes(2)
    val expected = adding(untied, all, _ => 4.0).altering(
      Seq("lm_head.weight", "model.embed_tokens.weight", "model.layers.1.input_layernorm.weight")
        .zip(whole)
        .map { case (name, entry) =>
          name -> { (_: Array[Double]) =>
            val buffer = java.nio.ByteBuffer.wrap(entry.data).order(java.nio.ByteOrder.LITTLE_ENDIAN)
            Array.fill(entry.data.length / 4)(buffer.getFloat().toDouble)
          }
        }: _*
    )
    merged(config, all.flatMap(_.entries("F32", 2)) ++ whole, untied) { path =>
      for ((name, values) <- tensors(path); (found, wanted) <- values.zip(expected.weights(name)))
        assert(math.abs(found - wanted) < 1e-6, name)
      val ids = tokens(12, model.vocabulary, 1)
      assert(difference(logits(path, ids), naive(expected, ids)) < 1e-5)
    }
    val tensorsOfAll = all.flatMap(_.entries("F32", 2))
    refused(ErrorClass.UNSUPPORTED_MODEL, "one matrix for its embedding and its output")(
      plain + ("modules_to_save" -> """["embed_tokens"]"""),
      tensorsOfAll :+ saved("model.embed_tokens.weight", Seq(50, 24), 2)
    )
    refused(ErrorClass.UNSUPPORTED_MODEL, "norm.weight' belongs to no projection")(
      entries = tensorsOfAll :+ saved("model.norm.weight", Seq(24), 2)
    )
    refused(ErrorClass.INVALID_MODEL, "model.norm.weight' has shape [25], expected [24]")(
      plain + ("modules_to_save" -> """["norm"]"""),
      tensorsOfAll :+ saved("model.norm.weight", Seq(25), 2)
    )
    refused(ErrorClass.INVALID_MODEL, "it has two tensors for 'model.norm.weight'")(
      plain + ("modules_to_save" -> """["norm"]"""),
      tensorsOfAll :+ saved("model.norm.weight", Seq(24), 2) :+
        saved("model.norm.modules_to_save.weight", Seq(24), 3)
    )
    refused(ErrorClass.INVALID_MODEL, "q_proj.lora_A.weight' holds NaN, expected finite numbers")(
      entries = tensorsOfAll.map(e =>
        if (e.name.contains("layers.0.self_attn.q_proj.lora_A"))
          e.copy(data = SafetensorsFiles.encode("F32", Seq.fill(48)(Float.NaN)))
        else e
      )
    )
  }

  test("what an adapter changes of a model in few bits is kept in more, and told") {
    val sized = TinyModel(headDim = 16, hidden = 64, intermediate = 96, layers = 2, seed = 43)
    val random = new Random(6)
    val packed = sized.matrices.map { case (name, out, in) =>
      name -> Checkpoints.gptq(out, in, 4, 32, symmetric = true, ordered = false, 1, random)
    }
    val base = sized.copy(
      altered = packed.map { case (name, p) => name -> p.values }.toMap,
      stored = packed.map { case (name, p) => name -> p.entries(name.stripSuffix(".weight")) }.toMap,
      rope = ",\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":32}"
    )
    val all = (0 until 2).map(l => change(s"model.layers.$l.self_attn.v_proj", 32, 64, 2, l))
    val expected = adding(base, all, _ => 4.0)
    val config = plain + ("target_modules" -> """["v_proj"]""")
    val ids = tokens(12, base.vocabulary, 1)
    TempDirectory.use { directory =>
      val adapter = write(directory.resolve("adapter"), config, all.flatMap(_.entries("F32", 2)))
      base.write(directory)
      val before = Memory.allocatedBytes()
      val model = LoraAdapter.mergeToRead(StoredModel.open(directory), adapter)
      val decoder = Decoder.load(model, new ReferenceDevice().open(1))
      try {
        assert(difference(logits(decoder, ids), naive(expected, ids)) < 2e-3)
        assert(difference(logits(decoder, ids), naive(base, ids)) > 1e-2)
        val told = decoder.storageNotes().asScala
        assert(told.head.startsWith("Weights are stored as gptq (4 bits in groups of 32, symmetric)"))
        assert(told.exists(_.contains(s"Adapter '$adapter' changes 2 weights and replaces 0")), told)
        assert(told.exists(_.contains("2 of them went from Q4_0 to F16")), told)
        assert(decoder.mappedBytes() > 0)
      } finally decoder.close()
      assert(Memory.allocatedBytes() == before)
    }
  }

  test("a bfloat16 model keeps what an adapter adds, as float16") {
    val base = model.copy(dtype = "BF16")
    val all = changes(2)
    TempDirectory.use { directory =>
      val adapter = write(directory.resolve("adapter"), plain, all.flatMap(_.entries("F32", 2)))
      base.write(directory)
      val merged = LoraAdapter.mergeToRead(StoredModel.open(directory), adapter)
      try {
        val tensor = merged.weights().tensor(s"${all.head.module}.weight", Shape.of(32, 24))
        assert(tensor.dtype() == DType.F16)
        val wanted = adding(base, all, _ => 4.0).weights(s"${all.head.module}.weight")
        for ((found, w) <- tensor.toArray.zip(wanted)) assert(math.abs(found - w) < 4.0 / 2048)
      } finally merged.close()
    }
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
    for (key <- Seq("use_dora", "lora_bias", "use_qalora"))
      refused(unsupported, s"$key = true, and only W + scale * B A can be merged")(plain + (key -> "true"))
    refused(unsupported, "bias = all, and it changes biases")(plain + ("bias" -> "\"all\""))
    refused(invalid, "alpha_pattern = {q_proj=0}, expected a number above 0")(
      plain + ("alpha_pattern" -> """{"q_proj":0}""")
    )
    refused(invalid, "rank_pattern = {q_proj=1.5}, expected a whole number from 1 to 65536")(
      plain + ("rank_pattern" -> """{"q_proj":1.5}""")
    )
    refused(invalid, "rank_pattern = {(=1}, expected names or patterns of modules")(
      plain + ("rank_pattern" -> """{"(":1}""")
    )
    refused(invalid, "alpha_pattern = [1], expected an object")(plain + ("alpha_pattern" -> "[1]"))
    refused(invalid, "saved module 'lm_head' has no tensors for this model")(
      plain + ("modules_to_save" -> """["lm_head"]""")
    )
    refused(invalid, "modules_to_save = [1], expected a list of names")(plain + ("modules_to_save" -> "[1]"))
    refused(unsupported, "alora_invocation_tokens = [1, 2]")(plain + ("alora_invocation_tokens" -> "[1,2]"))
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
