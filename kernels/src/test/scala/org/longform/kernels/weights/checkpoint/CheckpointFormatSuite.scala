package org.longform.kernels.weights.checkpoint

import java.nio.file.Files

import org.longform.kernels.device.Devices
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.SessionFixtures.{difference, tokens}
import org.longform.kernels.tensor.{DType, Memory, Shape}
import org.longform.kernels.weights.SafetensorsFiles.encode
import org.longform.kernels.weights.{
  SafetensorsFiles,
  SafetensorsWeights,
  StrictJson,
  TempDirectory,
  WeightSource
}
import org.longform.kernels.weights.checkpoint.CheckpointCases._
import org.longform.kernels.weights.checkpoint.Checkpoints.Packed
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** Checkpoints in fewer bits, written by a naive packer, read as their formulas say. */
class CheckpointFormatSuite extends AnyFunSuite {
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
}
