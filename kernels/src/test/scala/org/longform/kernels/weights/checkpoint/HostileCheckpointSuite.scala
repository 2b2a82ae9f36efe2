package org.longform.kernels.weights.checkpoint

import java.nio.file.Path

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.StoredModel
import org.longform.kernels.tensor.Memory
import org.longform.kernels.weights.SafetensorsFiles.{encode, Entry}
import org.longform.kernels.weights.TempDirectory
import org.longform.kernels.weights.checkpoint.CheckpointCases._
import org.longform.kernels.weights.checkpoint.Checkpoints.Packed
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

/** Checkpoints in fewer bits that cannot be read, or are not what they say: refused, and no memory stays. */
class HostileCheckpointSuite extends AnyFunSuite {
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
      plain.copy(rope = CheckpointCases.config("quantization_config", config)).write(directory)
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
