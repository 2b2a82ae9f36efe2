package org.longform.kernels.tensor

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

class TensorSuite extends AnyFunSuite {
  private def withTensor[A](tensor: Tensor)(body: Tensor => A): A =
    try body(tensor)
    finally tensor.close()

  /** binary16 by its definition, in float64. */
  private def half(bits: Int): Double = {
    val sign = if ((bits & 0x8000) == 0) 1.0 else -1.0
    val exponent = (bits >>> 10) & 0x1f
    val fraction = bits & 0x3ff
    exponent match {
      case 0x1f => if (fraction == 0) sign / 0.0 else Double.NaN
      case 0    => sign * fraction * math.pow(2, -24)
      case e    => sign * (1 + fraction / 1024.0) * math.pow(2, e - 15.0)
    }
  }

  private def same(found: Float, expected: Float): Boolean =
    (found.isNaN && expected.isNaN) ||
      java.lang.Float.floatToRawIntBits(found) == java.lang.Float.floatToRawIntBits(expected)

  for (dtype <- Seq(DType.F16, DType.BF16)) {
    test(s"all 65536 patterns of $dtype are widened exactly, one by one and in bulk") {
      val memory = Memory.allocate(2 * 65536)
      try {
        for (bits <- 0 until 65536) memory.putShort(2L * bits, bits.toShort)
        val tensor = Tensor.view(dtype, Shape.of(256, 256), memory, 0)
        val bulk = tensor.toArray
        for (bits <- 0 until 65536) {
          val expected =
            if (dtype == DType.F16) half(bits).toFloat
            else java.lang.Float.intBitsToFloat(bits << 16)
          assert(same(tensor.get(bits.toLong), expected), s"pattern $bits")
          assert(same(bulk(bits), expected), s"pattern $bits in bulk")
        }
        val part = new Array[Float](5)
        tensor.read(0x3bfe, part, 1, 3)
        assert(part.toSeq == Seq(0f, tensor.get(0x3bfe), tensor.get(0x3bff), tensor.get(0x3c00), 0f))
      } finally memory.close()
    }
  }

  test("a slice is a view that owns nothing") {
    withTensor(Tensor.of(Array.tabulate(12)(_.toFloat), 4, 3)) { tensor =>
      val slice = tensor.rows(1, 2)
      assert(slice.shape() == Shape.of(2, 3))
      assert(slice.toArray.toSeq == Seq(3f, 4f, 5f, 6f, 7f, 8f))
      assert(slice.address() == tensor.address() + 12)
      slice.set(0, -1f)
      assert(tensor.get(3) == -1f)
      slice.close()
      assert(tensor.get(3) == -1f)
      assert(tensor.rows(1, 2).rows(1, 1).get(0) == 6f)
    }
  }

  test("a slice does not reach beside itself though its memory does") {
    withTensor(Tensor.of(Array.tabulate(12)(_.toFloat), 4, 3)) { tensor =>
      val slice = tensor.rows(1, 2)
      val target = new Array[Float](4)
      val outside = Seq[() => Any](
        () => slice.get(-1),
        () => slice.get(6),
        () => slice.set(6, 0f),
        () => slice.read(3, target),
        () => slice.read(-1, target),
        () => slice.write(3, target)
      )
      for ((access, i) <- outside.zipWithIndex) {
        val refused = intercept[IndexOutOfBoundsException](access())
        assert(refused.getMessage.endsWith("the tensor [2, 3] has 6."), s"access $i")
      }
      assert(
        intercept[IndexOutOfBoundsException](tensor.rows(3, 2)).getMessage ==
          "Cannot take rows 3 to 5 of [4, 3]."
      )
      intercept[IndexOutOfBoundsException](tensor.rows(-1, 2))
      intercept[IndexOutOfBoundsException](tensor.rows(0, -1))
      assert(tensor.toArray.toSeq == Seq.tabulate(12)(_.toFloat))
    }
  }

  test("a closed tensor is not read any more") {
    val tensor = Tensor.allocate(2, 2)
    tensor.close()
    intercept[IndexOutOfBoundsException](tensor.get(0))
  }

  test("a view outside its memory is refused") {
    val memory = Memory.allocate(10)
    try {
      for ((dtype, offset) <- Seq((DType.F32, 0L), (DType.F16, 6L), (DType.F16, -1L))) {
        val refused =
          intercept[LongformException](Tensor.view(dtype, Shape.of(3), memory, offset))
        assert(refused.errorClass() == ErrorClass.INTERNAL)
        assert(
          refused.getMessage ==
            s"Cannot place a tensor $dtype [3] at byte $offset: the block has 10 bytes."
        )
      }
      assert(Tensor.view(DType.F16, Shape.of(3), memory, 4).elements() == 3)
    } finally memory.close()
  }

  test("shapes that are negative or overflow are refused") {
    assert(
      intercept[IllegalArgumentException](Shape.of(2, -1)).getMessage ==
        "Cannot make shape [2, -1]: an axis is negative."
    )
    intercept[ArithmeticException](Shape.of(Long.MaxValue, 2))
    intercept[ArithmeticException](
      Tensor.view(DType.F32, Shape.of(Long.MaxValue), Memory.allocate(0), 0)
    )
  }

  test("16-bit tensors are read only, and values must fill the shape") {
    val memory = Memory.allocate(4)
    try {
      val tensor = Tensor.view(DType.BF16, Shape.of(2), memory, 0)
      assert(
        intercept[LongformException](tensor.set(0, 1f)).getMessage ==
          "Cannot write to a BF16 tensor: only F32 is written."
      )
    } finally memory.close()
    assert(
      intercept[IllegalArgumentException](Tensor.of(Array(1f), 2, 2)).getMessage ==
        "Cannot make a tensor [2, 2] of 1 values."
    )
  }

  test("a tensor at an odd byte of a file is read as any other") {
    val memory = Memory.allocate(13)
    try {
      for (i <- 0 until 3) memory.putFloat(1 + 4L * i, i + 0.25f)
      val tensor = Tensor.view(DType.F32, Shape.of(3), memory, 1)
      assert(tensor.toArray.toSeq == Seq(0.25f, 1.25f, 2.25f))
      assert(tensor.get(2) == 2.25f)
    } finally memory.close()
  }
}
