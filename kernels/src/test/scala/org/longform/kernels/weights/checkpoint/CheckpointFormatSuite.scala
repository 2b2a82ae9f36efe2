package org.longform.kernels.weights.checkpoint

import java.nio.file.{Files, Path}

import org.longform.kernels.device.Devices
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.SessionFixtures.{difference, tokens}
import org.longform.kernels.model.{StoredModel, TinyModel}
import org.longform.kernels.tensor.{DType, Memory, Shape}
import org.longform.kernels.weights.SafetensorsFiles.{encode, Entry}
import org.longform.kernels.weights.{
  SafetensorsFiles,
  SafetensorsWeights,
  StrictJson,
  TempDirectory,
  WeightSource
}
import org.longform.kernels.weights.checkpoint.Checkpoints.Packed
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** Checkpoints in fewer bits, written by a naive packer, read as their formulas say. */
class CheckpointFormatSuite extends AnyFunSuite {
  private val plain =
    TinyModel(heads = 4, kvHeads = 2, headDim = 16, hidden = 64, intermediate = 96, layers = 2, seed = 11)

  /** A way to store matrices.
    *
    * @param config
    *   the object `quantization_config`
    * @param pack
    *   a matrix of so many rows and columns
    * @param became
    *   what a matrix is turned into
    */
  private case class Case(
      name: String,
      config: String,
      became: DType,
      exact: Boolean,
      key: String = "quantization_config"
  )(val pack: (Int, Int, Random) => Packed)

  private def compressed(format: String, weights: String, more: String = ""): String =
    s"""{"quant_method":"compressed-tensors","format":"$format","quantization_status":"compressed",
       |"ignore":["lm_head"],"kv_cache_scheme":null$more,
       |"config_groups":{"group_0":{"targets":["Linear"],"input_activations":null,"weights":{$weights}}}}""".stripMargin

  private def gptq(bits: Int, group: Int, more: String): String =
    s"""{"quant_method":"gptq","bits":$bits,"group_size":$group$more}"""

  private val awq = """{"quant_method":"awq","bits":4,"group_size":32,"zero_point":true,"version":"gemm"}"""

  private val fp8 =
    """{"quant_method":"fp8","activation_scheme":"dynamic","fmt":"e4m3","weight_block_size":[24,40]}"""

  private val cases: Seq[Case] = Seq(
    Case("awq", awq, DType.Q5_0, exact = true)(Checkpoints.awq(_, _, 32, _)),
    Case("awq in groups of 16", awq.replace("32", "16"), DType.F16, exact = false)(
      Checkpoints.awq(_, _, 16, _)
    ),
    Case("gptq, symmetric", gptq(4, 32, ",\"sym\":true"), DType.Q4_0, exact = true)(
      Checkpoints.gptq(_, _, 4, 32, symmetric = true, ordered = false, 1, _)
    ),
    Case("gptq with zero points", gptq(4, 32, ",\"sym\":false"), DType.Q5_0, exact = true)(
      Checkpoints.gptq(_, _, 4, 32, symmetric = false, ordered = false, 1, _)
    ),
    Case(
      "gptq_v2 with zero points",
      gptq(4, 32, ",\"sym\":false,\"checkpoint_format\":\"gptq_v2\""),
      DType.Q5_0,
      exact = true
    )(Checkpoints.gptq(_, _, 4, 32, symmetric = false, ordered = false, 0, _)),
    Case("gptq in the order of activations", gptq(4, 32, ",\"desc_act\":true"), DType.F16, exact = false)(
      Checkpoints.gptq(_, _, 4, 32, symmetric = true, ordered = true, 1, _)
    ),
    Case("gptq of whole rows", gptq(4, -1, ""), DType.Q4_0, exact = true)((out, in, random) =>
      Checkpoints.gptq(out, in, 4, in, symmetric = true, ordered = false, 1, random).without(".g_idx")
    ),
    Case("gptq of 8 bits", gptq(8, 32, ",\"sym\":true"), DType.Q8_0, exact = true)(
      Checkpoints.gptq(_, _, 8, 32, symmetric = true, ordered = false, 1, _)
    ),
    Case(
      "int4, symmetric",
      compressed(
        "pack-quantized",
        "\"num_bits\":4,\"type\":\"int\",\"strategy\":\"group\",\"group_size\":32,\"symmetric\":true"
      ),
      DType.Q4_0,
      exact = true
    )(Checkpoints.packed(_, _, 4, 32, symmetric = true, ordered = false, _)),
    Case(
      "int4 with zero points",
      compressed(
        "pack-quantized",
        "\"num_bits\":4,\"type\":\"int\",\"strategy\":\"group\",\"group_size\":32,\"symmetric\":false"
      ),
      DType.Q5_0,
      exact = true,
      key = "compression_config"
    )(Checkpoints.packed(_, _, 4, 32, symmetric = false, ordered = false, _)),
    Case(
      "int4 whose groups lie anywhere",
      compressed(
        "pack-quantized",
        "\"num_bits\":4,\"strategy\":\"group\",\"group_size\":32,\"actorder\":\"group\""
      ),
      DType.F16,
      exact = true // eight bits of a scale by levels to 7 have eleven
    )(Checkpoints.packed(_, _, 4, 32, symmetric = true, ordered = true, _)),
    Case(
      "int4 of whole rows",
      compressed("pack-quantized", "\"num_bits\":4,\"strategy\":\"channel\",\"symmetric\":true"),
      DType.Q4_0,
      exact = true
    )(Checkpoints.packed(_, _, 4, 0, symmetric = true, ordered = false, _)),
    Case(
      "packed int8",
      compressed("pack-quantized", "\"num_bits\":8,\"strategy\":\"group\",\"group_size\":32"),
      DType.Q8_0,
      exact = true
    )(Checkpoints.packed(_, _, 8, 32, symmetric = true, ordered = false, _)),
    Case(
      "int8 of whole rows",
      compressed(
        "int-quantized",
        "\"num_bits\":8,\"type\":\"int\",\"strategy\":\"channel\",\"symmetric\":true"
      ),
      DType.Q8_0,
      exact = true
    )(Checkpoints.int8(_, _, 1, Int.MaxValue, symmetric = true, _)),
    Case(
      "int8 with one scale and zero point",
      compressed("int-quantized", "\"num_bits\":8,\"strategy\":\"tensor\",\"symmetric\":false"),
      DType.F16,
      exact = false
    )(Checkpoints.int8(_, _, Int.MaxValue, Int.MaxValue, symmetric = false, _)),
    Case(
      "compressed float8",
      compressed("float-quantized", "\"num_bits\":8,\"type\":\"float\",\"strategy\":\"channel\""),
      DType.F16,
      exact = false
    )(Checkpoints.floats(_, _, 1, Int.MaxValue, "F8_E4M3", ".weight_scale", _)),
    Case(
      "compressed float8 in blocks",
      compressed(
        "naive-quantized",
        "\"num_bits\":8,\"type\":\"float\",\"strategy\":\"block\",\"block_structure\":[24,40]"
      ),
      DType.F16,
      exact = false
    )(Checkpoints.floats(_, _, 24, 40, "F8_E4M3", ".weight_scale", _)),
    Case("float8 in blocks", fp8, DType.F16, exact = false)(
      Checkpoints.floats(_, _, 24, 40, "F8_E4M3", ".weight_scale_inv", _)
    ),
    Case("float8 with one scale", """{"quant_method":"fp8"}""", DType.F16, exact = false)(
      Checkpoints.floats(_, _, Int.MaxValue, Int.MaxValue, "F8_E4M3", ".weight_scale", _)
    ),
    Case("float8 of five exponent bits", """{"quant_method":"fp8"}""", DType.F16, exact = false)(
      Checkpoints.floats(_, _, Int.MaxValue, Int.MaxValue, "F8_E5M2", ".weight_scale", _, 0x5b)
    ),
    Case(
      "fbgemm",
      """{"quant_method":"fbgemm_fp8","activation_scale_ub":1200.0}""",
      DType.F16,
      exact = false
    )(Checkpoints.floats(_, _, 1, Int.MaxValue, "F8_E4M3", ".weight_scale", _))
  )

  private def config(key: String, text: String): String = s""","$key":$text"""

  private def module(name: String): String = name.stripSuffix(".weight")

  /** The checkpoint, and the plain model that has its values. */
  private def models(of: Case, change: (String, Packed) => Packed = (_, p) => p): (TinyModel, TinyModel) = {
    val random = new Random(5)
    val packed = plain.matrices.map { case (name, out, in) => name -> change(name, of.pack(out, in, random)) }
    val values = plain.copy(altered = packed.map { case (name, p) => name -> p.values }.toMap)
    val stored = values.copy(
      stored = packed.map { case (name, p) => name -> p.entries(module(name)) }.toMap,
      rope = config(of.key, of.config)
    )
    (stored, values)
  }

  for (each <- cases)
    test(s"${each.name}: every weight is what the formula gives, and so are the logits") {
      val (stored, values) = models(each)
      TempDirectory.use { directory =>
        stored.write(directory)
        opened(directory) { model =>
          val names = model.weights().names()
          assert(names == plain.weights.keySet.asJava)
          for ((name, out, in) <- plain.matrices) {
            val shape = Shape.of(out.toLong, in.toLong)
            assert(model.weights().shape(name).get == shape)
            val tensor = model.weights().tensor(name, shape)
            assert(tensor.dtype() == each.became, name)
            checkRows(tensor.toArray, values.weights(name), in, each.exact)
          }
          assert(!model.config().has("quantization_config") && !model.config().has("compression_config"))
        }
        val ids = tokens(9, plain.vocabulary, 2)
        val limit = if (each.exact) 1e-5 else 2e-3
        withDecoderAt(directory) { decoder =>
          assert(difference(logits(decoder, ids), naive(values, ids)) < limit)
          val told = decoder.storageNotes().asScala
          assert(told.head.startsWith("Weights are stored as ") && told.head.endsWith("in 14 matrices"), told)
          val outcome = if (each.exact) "exactly" else "each weight within 1/2048 of the largest of its row"
          assert(told(1).startsWith(s"14 of them became ${each.became}") && told(1).contains(outcome), told)
          assert(told.size == 2)
        }
        assert(difference(logits(directory, ids), naive(plain, ids)) > 1e-2)
      }
    }

  private def checkRows(found: Array[Float], wanted: Array[Double], width: Int, exact: Boolean): Unit =
    for (row <- wanted.indices by width) {
      val largest = wanted.slice(row, row + width).map(math.abs).max
      for (i <- row until row + width)
        if (exact) assert(found(i).toDouble == wanted(i), s"element $i")
        else assert(math.abs(found(i) - wanted(i)) <= largest / 2048, s"element $i")
    }

  test("the values of all bytes of both float8 types") {
    for (dtype <- Seq("F8_E4M3", "F8_E5M2"); bits <- 0 until 256) {
      val found = Float8.of(dtype).numbers()(bits)
      val special = if (dtype == "F8_E4M3") (bits & 127) == 127 else (bits & 127) >= 124
      if (!special) assert(found.toDouble == Checkpoints.float8(bits, dtype), s"$dtype $bits")
      else if (dtype == "F8_E5M2" && (bits & 3) == 0) assert(found.isInfinite)
      else assert(found.isNaN)
    }
    assert(Float8.F8_E4M3.numbers()(0x7e) == 448f && Float8.F8_E5M2.numbers()(0x7b) == 57344f)
    assert(Float8.F8_E4M3.numbers()(1) == math.pow(2, -9).toFloat)
  }

  test("the wire bits of each format are those that their libraries write") {
    // AutoAWQ: columns 0 to 7 of a word lie at nibbles 0, 4, 1, 5, 2, 6, 3, 7
    val w = Checkpoints.awq(8, 32, 32, new Random(1))
    assert(w.parts.head._3 == Seq(32L, 1L))
    val values = Seq(0x75316420, 0x75316420)
    def awqOf(zeros: Int) = Packed(
      Array.empty,
      Seq(
        (".qweight", "I32", Seq(32L, 1L), Checkpoints.ints(Seq.fill(32)(values.head))),
        (".qzeros", "I32", Seq(1L, 1L), Checkpoints.ints(Seq(zeros))),
        (".scales", "F16", Seq(1L, 8L), encode("F16", Seq.fill(8)(1f)))
      )
    )
    assert(single(awq, awqOf(0), 8, 32).grouped(32).map(_.head.toInt).toSeq == (0 to 7))
    assert(single(awq, awqOf(0x11111111), 8, 32).grouped(32).map(_.head.toInt).toSeq == (-1 to 6))
    // AutoGPTQ: symmetric zero points are 0x77777777, and those of gptq_v2 0x88888888
    def gptqOf(zeros: Int) = Packed(
      Array.empty,
      Seq(
        (".qweight", "I32", Seq(4L, 8L), Checkpoints.ints(Seq.fill(32)(0x76543210))),
        (".qzeros", "I32", Seq(1L, 1L), Checkpoints.ints(Seq(zeros))),
        (".scales", "F16", Seq(1L, 8L), encode("F16", Seq.fill(8)(1f)))
      )
    )
    val row = (0 to 7).map(_ - 8)
    assert(single(gptq(4, 32, ""), gptqOf(0x77777777), 8, 32).take(8).map(_.toInt).toSeq == row)
    val second = gptq(4, 32, ",\"checkpoint_format\":\"gptq_v2\"")
    assert(single(second, gptqOf(0x88888888), 8, 32).take(8).map(_.toInt).toSeq == row)
    // a zero point of 0 is stored as 15 by the first format
    assert(single(gptq(4, 32, ""), gptqOf(-1), 8, 32).take(8).map(_.toInt).toSeq == (0 to 7))
    // compressed-tensors: 0x88888888 is zero everywhere
    val scheme = compressed("pack-quantized", "\"num_bits\":4,\"strategy\":\"channel\"")
    val int4 = Packed(
      Array.empty,
      Seq(
        (".weight_packed", "I32", Seq(1L, 4L), Checkpoints.ints(Seq(0x88888888, 0x0f0f0f0f, 0x76543210, -1))),
        (".weight_shape", "I64", Seq(2L), Checkpoints.longs(Seq(1L, 32L))),
        (".weight_scale", "F32", Seq(1L, 1L), encode("F32", Seq(1f)))
      )
    )
    val wanted = Seq.fill(8)(0) ++ Seq.fill(4)(Seq(7, -8)).flatten ++ (-8 to -1) ++ Seq.fill(8)(7)
    assert(single(scheme, int4, 1, 32).map(_.toInt).toSeq == wanted)
  }

  /** One matrix of a module x, alone in its file. */
  private def single(config: String, packed: Packed, out: Int, in: Int): Array[Float] =
    alone(config, packed)(_.tensor("x.weight", Shape.of(out.toLong, in.toLong)).toArray)

  private def alone[A](config: String, packed: Packed)(
      body: WeightSource => A
  ): A = TempDirectory.use { directory =>
    SafetensorsFiles
      .write(directory.resolve("model.safetensors"), packed.entries("x"))
    val file = directory.resolve("config.json")
    Files.writeString(file, s"""{"quantization_config":$config}""")
    val values = StrictJson.readObject(file, 1 << 20)
    val stored = SafetensorsWeights.open(directory)
    val weights =
      try CheckpointFormats.decoded(directory, values, stored)
      catch { case e: Throwable => stored.close(); throw e }
    try body(weights)
    finally weights.close()
  }

  private def scaled(scale: Float, levels: Seq[Int]): Packed = Packed(
    Array.empty,
    Seq(
      (".weight", "I8", Seq(1L, 32L), levels.map(_.toByte).toArray),
      (".weight_scale", "F32", Seq(1L, 1L), encode("F32", Seq(scale)))
    )
  )

  private val rows8 = compressed("int-quantized", "\"num_bits\":8,\"strategy\":\"channel\"")

  private def became(scale: Float, levels: Seq[Int]): (DType, Seq[Float], Seq[String]) =
    alone(rows8, scaled(scale, levels)) { weights =>
      val tensor = weights.tensor("x.weight", Shape.of(1, 32))
      (tensor.dtype(), tensor.toArray.toSeq, weights.storageNotes().asScala.toSeq)
    }

  test("the narrowest type that holds levels and scale is taken, and what is rounded is told") {
    val narrow = Seq.tabulate(32)(i => i % 16 - 8)
    assert(became(0.5f, narrow)._1 == DType.Q4_0)
    assert(became(0.5f, narrow.updated(3, -16))._1 == DType.Q5_0)
    assert(became(0.5f, narrow.updated(3, -17))._1 == DType.Q8_0)
    val (lowest, values, _) = became(0.5f, narrow.updated(3, -128))
    assert(lowest == DType.Q8_0 && values(3) == -64f)
    // a scale that float16 has to round: a two thousandth of each weight at most
    val (rounded, near, told) = became(0.3f, narrow)
    assert(rounded == DType.Q4_0 && told.last.contains("each weight within 1/2048"))
    for (i <- near.indices) assert(math.abs(near(i) - 0.3f * narrow(i)) <= 8 * 0.3f / 2048)
    // scales beyond what float16 has
    val (tiny, small, toldSmall) = became(1e-9f, narrow)
    assert(tiny == DType.F32 && small(0) == 1e-9f * -8 && toldSmall.last.contains("F32"))
    val (huge, large, _) = became(1e30f, narrow)
    assert(huge == DType.F32 && large(0) == 1e30f * -8)
    // nothing but zeros, with any scale
    assert(became(1e30f, Seq.fill(32)(0))._2 == Seq.fill(32)(0f))
  }

  test("who asks for the same matrix shares it, and the last to close it frees it") {
    val before = Memory.allocatedBytes()
    alone(rows8, scaled(0.5f, Seq.fill(32)(3))) { weights =>
      val first = weights.tensor("x.weight", Shape.of(1, 32))
      val second = weights.tensor("x.weight", Shape.of(1, 32))
      assert(first.address() == second.address() && Memory.allocatedBytes() == before + 18)
      first.close()
      first.close()
      assert(second.toArray.toSeq == Seq.fill(32)(1.5f))
      second.close()
      assert(Memory.allocatedBytes() == before)
      assert(weights.tensor("x.weight", Shape.of(1, 32)).rows(0, 1).toArray.toSeq == Seq.fill(32)(1.5f))
    }
    assert(Memory.allocatedBytes() == before)
  }

  test("a module that the format leaves plain, and tensors of other modules, are views") {
    val (stored, values) = models(cases.head)
    val kept = stored.matrices.head._1
    TempDirectory.use { directory =>
      val mixed = stored.copy(stored = stored.stored - kept)
      mixed.write(directory)
      opened(directory) { model =>
        val (_, out, in) = stored.matrices.head
        val tensor = model.weights().tensor(kept, Shape.of(out.toLong, in.toLong))
        assert(tensor.dtype() == DType.F32)
        assert(tensor.toArray.map(_.toDouble).toSeq == values.weights(kept).map(_.toFloat.toDouble).toSeq)
        assert(model.weights().storageNotes().get(0).endsWith("in 13 matrices"))
      }
    }
  }

  test("the parts of a matrix may lie in different shards, and the head may be tied") {
    val (stored, values) = models(cases.find(_.name == "int4 with zero points").get)
    val ids = tokens(9, plain.vocabulary, 2)
    TempDirectory.use { directory =>
      stored.copy(shards = 3, tied = true).write(directory)
      assert(difference(logits(directory, ids), naive(values.copy(tied = true), ids)) < 1e-5)
    }
  }

  test("compressed-tensors gives each group its own scheme; a name goes before a class") {
    val two =
      s"""{"quant_method":"compressed-tensors","format":"mixed-precision","config_groups":{
         |"a":{"targets":["Linear"],"format":"pack-quantized",
         |"weights":{"num_bits":4,"strategy":"group","group_size":32}},
         |"b":{"targets":["re:.*down_proj","model.layers.0.mlp.up_proj"],"format":"float-quantized",
         |"weights":{"num_bits":8,"type":"float","strategy":"channel"}}}}""".stripMargin
    val random = new Random(3)
    val packed = plain.matrices.map { case (name, out, in) =>
      val eight = name.contains("down_proj") || name.contains("layers.0.mlp.up_proj")
      name ->
        (if (eight) Checkpoints.floats(out, in, 1, Int.MaxValue, "F8_E4M3", ".weight_scale", random)
         else Checkpoints.packed(out, in, 4, 32, symmetric = true, ordered = false, random))
    }
    val model = plain.copy(
      altered = packed.map { case (name, p) => name -> p.values }.toMap,
      stored = packed.map { case (name, p) => name -> p.entries(module(name)) }.toMap,
      rope = config("quantization_config", two)
    )
    TempDirectory.use { directory =>
      model.write(directory)
      val found = tensors(directory)
      for ((name, _, in) <- plain.matrices) checkRows(found(name), model.weights(name), in, exact = false)
      val told = withDecoderAt(directory)(_.storageNotes().asScala)
      assert(told.exists(_.startsWith("11 of them became Q4_0 exactly")), told)
      assert(told.exists(_.startsWith("3 of them became F16")), told)
    }
  }

  test("a checkpoint is exported as a plain model, and its config says nothing of the format") {
    val (stored, values) = models(cases.find(_.name == "gptq, symmetric").get)
    TempDirectory.use { directory =>
      val source = stored.write(Files.createDirectory(directory.resolve("source")))
      val copy = rewrite(source, directory.resolve("copy"))(identity)
      assert(!Files.readString(copy.resolve("config.json")).contains("quantization_config"))
      for ((name, found) <- tensors(copy))
        assert(found.map(_.toDouble).toSeq == values.weights(name).map(_.toFloat.toDouble).toSeq, name)
    }
  }

  test("every device here reads a checkpoint, and one with a form of its own does not keep ours") {
    val (stored, values) = models(cases.find(_.name == "gptq with zero points").get)
    val ids = tokens(9, plain.vocabulary, 2)
    TempDirectory.use { directory =>
      stored.write(directory)
      for (provider <- Devices.ALL.asScala if !provider.whyUnavailable().isPresent) {
        val before = Memory.allocatedBytes()
        withDecoderAt(directory, provider.open(1)) { decoder =>
          // the device with int8 activations is as near as those are
          val limit = if (provider.name() == "cpu") 0.05 else 1e-4
          assert(difference(logits(decoder, ids), naive(values, ids)) < limit, provider.name())
          val turned = plain.matrices.map { case (_, out, in) => out * in / 32 * 22L }.sum
          val kept = Memory.allocatedBytes() - before
          if (decoder.ownedBytes() > turned) assert(kept < turned / 2, provider.name())
          else assert(kept >= turned, provider.name())
        }
        assert(Memory.allocatedBytes() == before, provider.name())
      }
    }
  }

  private def refused(errorClass: ErrorClass, part: String)(body: => Any): Unit = {
    val before = Memory.allocatedBytes()
    val error = intercept[LongformException](body)
    assert(error.getMessage.contains(part), error.getMessage)
    assert(error.errorClass == errorClass, error.getMessage)
    assert(error.getMessage.startsWith("Cannot ") && error.getMessage.length < 700)
    assert(Memory.allocatedBytes() == before)
  }

  private def refusedConfig(errorClass: ErrorClass, part: String)(config: String): Unit =
    TempDirectory.use { directory =>
      plain.copy(rope = this.config("quantization_config", config)).write(directory)
      refused(errorClass, part)(StoredModel.spec(directory))
      refused(errorClass, part)(StoredModel.open(directory).close())
    }

  private val unsupported = ErrorClass.UNSUPPORTED_MODEL
  private val invalid = ErrorClass.INVALID_MODEL

  test("formats that cannot be read are refused with those that can") {
    val known = "awq, compressed-tensors, fbgemm_fp8, fp8, gptq"
    refusedConfig(unsupported, "stored by bitsandbytes")(
      """{"quant_method":"bitsandbytes","load_in_4bit":true}"""
    )
    refusedConfig(unsupported, "stored by bitsandbytes")("""{"load_in_8bit":true}""")
    refusedConfig(unsupported, s"quant_method = aqlm, expected one of $known")("""{"quant_method":"aqlm"}""")
    refusedConfig(unsupported, s"lacks quantization_config.quant_method, expected one of $known")("{}")
    refusedConfig(invalid, "quantization_config = 4, expected an object")("4")
    refusedConfig(invalid, "quant_method = 4, expected a text")("""{"quant_method":4}""")
  }

  test("parameters that no reader has, or that are none, are refused by key and value") {
    for (bits <- Seq("3", "2", "16", "0", "-4", "\"4\"", "4.5", "null"))
      refusedConfig(unsupported, "expected 4 or 8")(
        s"""{"quant_method":"gptq","bits":$bits,"group_size":128}"""
      )
    for (group <- Seq("0", "-2", "1.5", "\"x\"", "null"))
      refusedConfig(invalid, "expected a whole number from 1 on, or -1 for whole rows")(
        s"""{"quant_method":"gptq","bits":4,"group_size":$group}"""
      )
    refusedConfig(unsupported, "checkpoint_format = marlin, expected gptq or gptq_v2")(
      gptq(4, 32, ",\"checkpoint_format\":\"marlin\"")
    )
    refusedConfig(unsupported, "dynamic = ")(gptq(4, 32, ",\"dynamic\":{\"+:.*\":{\"bits\":8}}"))
    refusedConfig(invalid, "sym = 1, expected true or false")(gptq(4, 32, ",\"sym\":1"))
    refusedConfig(unsupported, "bits = 8, expected 4")(awq.replace("\"bits\":4", "\"bits\":8"))
    refusedConfig(unsupported, "version = gemv, expected gemm")(awq.replace("gemm", "gemv"))
    refusedConfig(unsupported, "zero_point = false, expected true")(awq.replace("true", "false"))
    for (block <- Seq("[128]", "[0,128]", "[128,-1]", "[1.5,2]", "[128,128,128]"))
      refusedConfig(invalid, "weight_block_size = ")(
        s"""{"quant_method":"fp8","weight_block_size":$block}"""
      )
    def weights(text: String) = compressed("pack-quantized", text)
    refusedConfig(unsupported, "format = marlin-24, expected one of pack-quantized")(
      compressed("marlin-24", "\"num_bits\":4")
    )
    refusedConfig(unsupported, "num_bits = 3, expected 4 or 8")(weights("\"num_bits\":3"))
    refusedConfig(unsupported, "num_bits = 4, expected 8 for float weights")(
      weights("\"num_bits\":4,\"type\":\"float\"")
    )
    refusedConfig(unsupported, "type = uint, expected int or float")(
      weights("\"num_bits\":4,\"type\":\"uint\"")
    )
    refusedConfig(unsupported, "strategy = token, expected tensor, channel, group or block")(
      weights("\"num_bits\":8,\"strategy\":\"token\"")
    )
    refusedConfig(invalid, "group_size = 0")(
      weights("\"num_bits\":4,\"strategy\":\"group\",\"group_size\":0")
    )
    refusedConfig(invalid, "block_structure = [0, 4]")(
      weights("\"num_bits\":8,\"strategy\":\"block\",\"block_structure\":[0,4]")
    )
    refusedConfig(unsupported, "quantization_status = frozen, expected compressed")(
      weights("\"num_bits\":4").replace("\"compressed\"", "\"frozen\"")
    )
    refusedConfig(unsupported, "sparsity_config.format = sparse-24-bitmask, expected dense")(
      compressed(
        "pack-quantized",
        "\"num_bits\":4",
        ",\"sparsity_config\":{\"format\":\"sparse-24-bitmask\"}"
      )
    )
    refusedConfig(unsupported, "transform_config")(
      compressed("pack-quantized", "\"num_bits\":4", ",\"transform_config\":{\"config_groups\":{}}")
    )
    refusedConfig(invalid, "targets = [re:(], expected names or regular expressions")(
      weights("\"num_bits\":4").replace("\"Linear\"", "\"re:(\"")
    )
    refusedConfig(invalid, "lacks quantization_config.config_groups")(
      """{"quant_method":"compressed-tensors"}"""
    )
  }

  private def refusedTensors(part: String, of: String)(change: Packed => Packed): Unit = {
    val each = cases.find(_.name == of).get
    val damaged = plain.matrices.last._1
    val (stored, _) = models(each, (name, p) => if (name == damaged) change(p) else p)
    TempDirectory.use { directory =>
      stored.write(directory)
      refused(invalid, part)(withDecoderAt(directory)(identity))
    }
  }

  private def halves(values: Float*): Array[Byte] = encode("F16", values)

  test("tensors that are missing, do not fit, or hold no numbers are refused by name") {
    // the last matrix is model.layers.1.mlp.down_proj, (64, 96)
    val x = "model.layers.1.mlp.down_proj"
    refusedTensors(s"tensor '$x.qzeros' is missing", "awq")(_.without(".qzeros"))
    refusedTensors(s"tensor '$x.scales' has shape [3, 32], expected [3, 64]", "awq")(
      _.replacing(".scales", "F16", Seq(3, 32), halves(Seq.fill(96)(1f): _*))
    )
    refusedTensors(s"tensor '$x.qzeros' has shape [1, 8], expected [3, 8]", "awq")(
      _.replacing(".qzeros", "I32", Seq(1, 8), new Array[Byte](32))
    )
    refusedTensors(s"of a matrix [64, 8], expected [64, 96]", "awq")(
      _.replacing(".qweight", "I32", Seq(8, 8), new Array[Byte](256))
    )
    refusedTensors(s"tensor '$x.qweight' has dtype I64, expected I32", "awq")(
      _.replacing(".qweight", "I64", Seq(96, 8), new Array[Byte](96 * 64))
    )
    refusedTensors(s"tensor '$x.qweight' has shape [768], expected a matrix", "awq")(
      _.replacing(".qweight", "I32", Seq(768), new Array[Byte](768 * 4))
    )
    refusedTensors(s"tensor '$x.scales' holds NaN, expected finite numbers", "awq")(
      _.replacing(".scales", "F32", Seq(3, 64), encode("F32", Seq.fill(191)(1f) :+ Float.NaN))
    )
    refusedTensors(s"tensor '$x.scales' holds Infinity", "gptq, symmetric")(
      _.replacing(".scales", "F32", Seq(3, 64), encode("F32", Float.PositiveInfinity +: Seq.fill(191)(1f)))
    )
    refusedTensors(s"tensor '$x.scales': it has dtype I32", "gptq, symmetric")(
      _.replacing(".scales", "I32", Seq(3, 64), new Array[Byte](192 * 4))
    )
    for (group <- Seq(-1, 3, Int.MaxValue))
      refusedTensors(
        s"tensor '$x.g_idx' puts input 5 into group $group, expected one from 0 to 2",
        "gptq, symmetric"
      )(
        _.replacing(
          ".g_idx",
          "I32",
          Seq(96),
          Checkpoints.ints(Seq.tabulate(96)(i => if (i == 5) group else 0))
        )
      )
    refusedTensors(s"tensor '$x.g_idx' has shape [95], expected [96]", "gptq, symmetric")(
      _.replacing(".g_idx", "I32", Seq(95), new Array[Byte](95 * 4))
    )
    refusedTensors(s"tensor '$x.weight_shape' tells a matrix [64, 97]", "int4, symmetric")(
      _.replacing(".weight_shape", "I64", Seq(2), Checkpoints.longs(Seq(64, 97)))
    )
    for (columns <- Seq(0L, -1L, Long.MaxValue, Long.MinValue))
      refusedTensors(s"tells a matrix [64, $columns]", "int4, symmetric")(
        _.replacing(".weight_shape", "I64", Seq(2), Checkpoints.longs(Seq(64, columns)))
      )
    refusedTensors(
      s"tensor '$x.weight_zero_point' has shape [1, 3], expected [8, 3]",
      "int4 with zero points"
    )(
      _.replacing(".weight_zero_point", "I32", Seq(1, 3), new Array[Byte](12))
    )
    refusedTensors(s"tensor '$x.weight_g_idx' puts column 2 into group 7", "int4 whose groups lie anywhere")(
      _.replacing(
        ".weight_g_idx",
        "I32",
        Seq(96),
        Checkpoints.ints(Seq.tabulate(96)(i => if (i == 2) 7 else 0))
      )
    )
    refusedTensors(s"the tensors of '$x' are of float8", "int8 of whole rows")(_ =>
      Checkpoints.floats(64, 96, 1, Int.MaxValue, "F8_E4M3", ".weight_scale", new Random(1))
    )
    refusedTensors(s"has no scale, expected '$x.weight_scale'", "float8 in blocks")(
      _.without(".weight_scale_inv")
    )
    refusedTensors(s"'$x.weight_scale_inv' and '$x.weight_scale' are both there", "float8 in blocks")(
      _.replacing(".weight_scale", "F32", Seq(1), encode("F32", Seq(1f)))
    )
    refusedTensors(s"tensor '$x.weight_scale_inv' has shape [1], expected [3, 3]", "float8 in blocks")(
      _.replacing(".weight_scale_inv", "F32", Seq(1), encode("F32", Seq(1f)))
    )
    refusedTensors(s"tensor '$x.weight_scale' has shape [7], expected [64]", "float8 with one scale")(
      _.replacing(".weight_scale", "F32", Seq(7), encode("F32", Seq.fill(7)(1f)))
    )
    refusedTensors(s"the matrix of '$x' holds NaN in row 1, column 4", "float8 with one scale")(
      _.replacing(
        ".weight",
        "F8_E4M3",
        Seq(64, 96),
        Array.tabulate(64 * 96)(i => if (i == 100) 0x7f.toByte else 0.toByte)
      )
    )
    refusedTensors(s"give a weight of", "float8 with one scale")(
      _.replacing(".weight_scale", "F32", Seq(1), encode("F32", Seq(3e38f)))
    )
    refusedTensors(s"matrix '$x.weight' is there twice, plain and quantised", "awq")(
      _.replacing(".weight", "F32", Seq(64, 96), new Array[Byte](64 * 96 * 4))
    )
  }

  test("a matrix that no group of compressed-tensors is for is refused") {
    val each = cases.find(_.name == "int4, symmetric").get
    val (stored, _) = models(each)
    TempDirectory.use { directory =>
      stored.copy(rope = stored.rope.replace("\"Linear\"", "\"re:.*q_proj\"")).write(directory)
      refused(invalid, "is quantised, and no group of quantization_config is for it")(
        withDecoderAt(directory)(identity)
      )
    }
  }

  test("an expression that would take for ever is refused") {
    val each = cases.find(_.name == "int4, symmetric").get
    val (stored, _) = models(each)
    TempDirectory.use { directory =>
      stored.copy(rope = stored.rope.replace("\"Linear\"", "\"re:" + ".*" * 8 + "!\"")).write(directory)
      refused(invalid, "it takes too long")(withDecoderAt(directory)(identity))
    }
  }

  test("damaged tensors give a model or a refusal, and no memory stays") {
    val seed = 20261122L
    val random = new Random(seed)
    var refusals = 0
    for (each <- cases; round <- 0 until 6) {
      val (stored, _) = models(each)
      val damaged = stored.copy(stored = stored.stored.map { case (name, entries) =>
        name -> entries.map { entry =>
          val data = entry.data.clone()
          if (random.nextInt(8) == 0) data(random.nextInt(data.length)) = random.nextInt(256).toByte
          Entry(entry.name, entry.dtype, entry.shape, data)
        }
      })
      val before = Memory.allocatedBytes()
      TempDirectory.use { directory: Path =>
        damaged.write(directory)
        try withDecoderAt(directory)(identity)
        catch {
          case e: LongformException =>
            assert(e.errorClass == ErrorClass.INVALID_MODEL, s"seed $seed ${each.name} round $round")
            refusals += 1
        }
      }
      assert(Memory.allocatedBytes() == before)
    }
    assert(refusals > 5, s"seed $seed: the damage must be felt")
  }
}
