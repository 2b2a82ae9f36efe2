package org.longform.kernels.cache

import scala.util.Random

import org.longform.kernels.tensor.HalfFloats
import org.scalatest.funsuite.AnyFunSuite

class KvDTypeSuite extends AnyFunSuite {
  private val HEAD_DIMS = Seq(1, 2, 7, 31, 32, 33, 64, 80, 128, 129)

  private def roundTrip(dtype: KvDType, row: Array[Float]): Array[Float] = {
    // a margin on both sides shows what writes or reads beyond its row
    val stored = Array.fill[Byte](dtype.rowBytes(row.length) + 8)(77)
    val padded = Array.fill(3)(Float.NaN) ++ row ++ Array.fill(3)(Float.NaN)
    dtype.encode(padded, 3, row.length, stored, 4)
    assert((stored.take(4) ++ stored.takeRight(4)).forall(_ == 77))
    val found = Array.fill(row.length + 6)(1234f)
    dtype.decode(stored, 4, found, 3, row.length)
    assert((found.take(3) ++ found.takeRight(3)).forall(_ == 1234f))
    found.slice(3, row.length + 3)
  }

  /** Gaussian rows of very different sizes, some with a single large value as keys often have. */
  private def rows(headDim: Int, seed: Long): Seq[Array[Float]] = {
    val random = new Random(seed)
    Seq(1e-9, 1e-7, 1e-6, 1e-4, 1e-2, 1.0, 30.0, 1000.0).map { size =>
      val row = Array.fill(headDim)((random.nextGaussian() * size).toFloat)
      if (random.nextBoolean()) row(random.nextInt(headDim)) *= 8
      row
    } :+ new Array[Float](headDim)
  }

  private def checkEach(dtype: KvDType)(limit: (Array[Float], Int) => Double): Unit = {
    var moved = 0
    for (headDim <- HEAD_DIMS; row <- rows(headDim, headDim.toLong)) {
      val found = roundTrip(dtype, row)
      for (i <- row.indices) {
        val error = math.abs(found(i).toDouble - row(i))
        assert(error <= limit(row, i), s"$dtype, $headDim dimensions, ${row(i)} came back as ${found(i)}")
        if (error > 0) moved += 1
      }
    }
    assert((dtype == KvDType.F32) == (moved == 0))
  }

  test("F32 gives every bit back") {
    checkEach(KvDType.F32)((_, _) => 0)
    val special =
      Array(Float.NaN, Float.PositiveInfinity, Float.NegativeInfinity, -0f, Float.MinPositiveValue)
    val found = roundTrip(KvDType.F32, special)
    assert(
      found.map(java.lang.Float.floatToRawIntBits).toSeq ==
        special.map(java.lang.Float.floatToRawIntBits).toSeq
    )
  }

  test("F16 errs by less than 2^-11 of the value, or by 2^-25") {
    checkEach(KvDType.F16) { (row, i) =>
      math.max(math.abs(row(i)) * math.pow(2, -11), math.pow(2, -25))
    }
  }

  test("F16 keeps NaN and makes what is too large the largest number it has") {
    val found = roundTrip(
      KvDType.F16,
      Array(Float.NaN, Float.PositiveInfinity, -1e9f, 65504f, 65519.9f, 65536f, -0f, 1f)
    )
    assert(found(0).isNaN)
    assert(found.drop(1).toSeq == Seq(65504f, -65504f, 65504f, 65504f, 65504f, 0f, 1f))
  }

  test("the finite half float of every number is the half float, or the largest one") {
    val random = new Random(5)
    val bits =
      Seq(0x38800000, 0x387fffff, 0x477fe000, 0x477fdfff, 0x477fefff, 0x477ff000, 0x7f800000, 0, 1) ++
        Seq.fill(100000)(random.nextInt())
    for (each <- bits; value = java.lang.Float.intBitsToFloat(each); signed <- Seq(value, -value)) {
      val plain = HalfFloats.toF16(signed)
      val infinite = (plain & 0x7fff) == 0x7c00
      val expected = if (infinite) ((plain & 0x8000) | 0x7bff).toShort else plain
      assert(HalfFloats.toFiniteF16(signed) == expected, signed)
    }
  }

  test("Q8 errs by at most 0.501 of the scale of its 32 values, or by 4e-6") {
    checkEach(KvDType.Q8) { (row, i) =>
      val block = row.slice(i / 32 * 32, i / 32 * 32 + 32)
      math.max(0.501 * block.map(math.abs).max / 127, 4e-6)
    }
  }

  test("Q8 spoils only the 32 values that share a scale with an infinity or a NaN") {
    val row = Array.fill(70)(1f)
    row(3) = Float.NegativeInfinity
    row(40) = Float.NaN
    val found = roundTrip(KvDType.Q8, row)
    assert(found(3) == -127 * 65504f)
    assert(found.slice(0, 3).forall(_ == 0) && found.slice(4, 32).forall(_ == 0))
    assert(found.slice(32, 64).forall(_.isNaN))
    assert(found.slice(64, 70).forall(x => math.abs(x - 1) < 1e-3))
  }

  test("rows take the bytes the native kernels expect") {
    assert(KvDType.values.map(_.rowBytes(80)).toSeq == Seq(320, 160, 86))
    assert(KvDType.values.map(_.rowBytes(64)).toSeq == Seq(256, 128, 68))
  }
}
