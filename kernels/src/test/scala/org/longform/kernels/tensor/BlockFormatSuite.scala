package org.longform.kernels.tensor

import java.nio.{ByteBuffer, ByteOrder}

import scala.util.Random

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.scalatest.funsuite.AnyFunSuite

object BlockFormatSuite {
  private final case class Golden(dtype: DType, block: Array[Byte], values: Array[Float])
}

class BlockFormatSuite extends AnyFunSuite {
  import BlockFormatSuite._

  private val quantised: Seq[DType] = DType.values().toSeq.filter(_.isQuantised)

  private def bytes(hex: String): Array[Byte] =
    hex.grouped(2).map(Integer.parseInt(_, 16).toByte).toArray

  private def decoded(dtype: DType, block: Array[Byte]): Array[Float] = {
    val memory = Memory.allocate(block.length.toLong)
    try {
      memory.writeBytes(0, block, 0, block.length)
      val values = new Array[Float](dtype.blockElements())
      BlockFormat.of(dtype).decode(memory, 0, values, 0)
      values
    } finally memory.close()
  }

  private def roundTrip(dtype: DType, values: Array[Float]): Array[Float] = {
    val memory = Memory.allocate(dtype.bytes(values.length.toLong))
    try {
      BlockFormat.encode(dtype, values, memory, 0)
      Tensor.view(dtype, Shape.of(1, values.length.toLong), memory, 0).toArray
    } finally memory.close()
  }

  /** Root of the mean squared error, in units of the values' own root mean square. */
  private def relativeError(found: Array[Float], expected: Array[Float]): Double = {
    val squares = expected.map(v => v.toDouble * v).sum
    math.sqrt(found.zip(expected).map { case (f, e) => (f - e).toDouble * (f - e) }.sum / squares)
  }

  // made by src/test/python/golden_blocks.py
  private def golden(list: String): Seq[Golden] = {
    val stream = getClass.getResourceAsStream("blocks.json")
    try {
      val cases = new ObjectMapper().readTree(stream).get(list)
      (0 until cases.size()).map(cases.get).map { (each: JsonNode) =>
        val raw = ByteBuffer.wrap(bytes(each.get("values").asText)).order(ByteOrder.LITTLE_ENDIAN)
        val values = Array.fill(raw.capacity() / 4)(raw.getFloat())
        Golden(DType.valueOf(each.get("dtype").asText), bytes(each.get("block").asText), values)
      }
    } finally stream.close()
  }

  test("blocks of every quantised type are read bit for bit as llama.cpp reads them") {
    val cases = golden("read")
    assert(cases.map(_.dtype).toSet == quantised.toSet)
    for (Golden(dtype, block, expected) <- cases) {
      val found = decoded(dtype, block)
      assert(found.length == expected.length)
      for (i <- expected.indices) assert(found(i) == expected(i), s"$dtype element $i")
    }
  }

  test("blocks of 32 are written byte for byte as llama.cpp writes them") {
    val cases = golden("written")
    assert(cases.map(_.dtype) == Seq(DType.Q8_0, DType.Q4_0, DType.Q5_0))
    for (Golden(dtype, block, values) <- cases) {
      val memory = Memory.allocate(block.length.toLong)
      try {
        BlockFormat.encode(dtype, values, memory, 0)
        for (i <- block.indices) assert(memory.getByte(i.toLong) == block(i), s"$dtype byte $i")
      } finally memory.close()
    }
  }

  // errors of normally distributed values, about a tenth above what was found
  private val largestError = Map(
    DType.Q8_0 -> 0.007,
    DType.Q4_0 -> 0.095,
    DType.Q5_0 -> 0.048,
    DType.Q4_K -> 0.08,
    DType.Q5_K -> 0.04,
    DType.Q6_K -> 0.02
  )

  for (dtype <- quantised) {
    test(s"values written as $dtype come back within the error of its width") {
      val random = new Random(7)
      val values = Array.fill(64 * 256)(random.nextGaussian().toFloat)
      val error = relativeError(roundTrip(dtype, values), values)
      assert(error < largestError(dtype))
      assert(error > largestError(dtype) / 4, "an error so small would mean that the test does not round")
    }

    test(s"blocks of $dtype with zeros, one sign, one value or one outlier stay near themselves") {
      val shapes = Seq[Int => Float](
        _ => 0f,
        _ => -1.5f,
        _ => 2f,
        i => 1f + i % 7,
        i => -3f - i % 5,
        i => if (i == 100) 50f else 0f,
        i => (i - 128) / 64f
      )
      for ((shape, number) <- shapes.zipWithIndex) {
        val values = Array.tabulate(256)(shape)
        val found = roundTrip(dtype, values)
        val largest = values.map(math.abs(_)).max
        for (i <- values.indices)
          assert(math.abs(found(i) - values(i)) <= largest / 12, s"shape $number element $i")
      }
    }
  }
}
