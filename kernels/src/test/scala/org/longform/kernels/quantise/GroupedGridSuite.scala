package org.longform.kernels.quantise

import scala.util.Random

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.quantise.Grid.Symmetry
import org.longform.kernels.tensor.{DType, LevelBlock, Memory, Shape, Tensor}
import org.scalatest.funsuite.AnyFunSuite

object GroupedGridSuite {
  val Bits: Seq[Int] = Seq(8, 4, 3)

  def grid(bits: Int, symmetry: Symmetry, group: Int): GroupedGrid =
    new GroupedGrid(new Grid(bits, symmetry), group)

  /** The values of a stored matrix. */
  def values(stored: StoredMatrix): Array[Float] =
    try stored.tensor().toArray
    finally stored.close()

  def withTensor[A](values: Array[Float], axes: Long*)(body: Tensor => A): A = {
    val tensor = Tensor.of(values, axes: _*)
    try body(tensor)
    finally tensor.close()
  }
}

class GroupedGridSuite extends AnyFunSuite {
  import GroupedGridSuite._

  for (bits <- Bits; symmetry <- Symmetry.values())
    test(s"$bits bits $symmetry: every weight of a group is at most half a step from its level") {
      val random = new Random(1)
      val grid = new Grid(bits, symmetry)
      for (shift <- Seq(0.0, 3.0, -0.2); trial <- 0 until 20) {
        val weights = Array.fill(1 + random.nextInt(200))((random.nextGaussian() + shift).toFloat)
        val step = grid.fit(weights, 0, weights.length)
        assert(step.size > 0 && step.most - step.least <= (1 << bits) - 1)
        assert(step.least >= grid.least() && step.most <= grid.most())
        assert(step.least <= 0 && step.most >= 0, "zero is a level")
        for (w <- weights) {
          // a step is rounded to 11 bits, which the outermost weights notice
          val slack = math.abs(w) * math.pow(2, -11)
          assert(math.abs(step.rounded(w.toDouble) - w) <= step.size / 2 + slack + step.size * 1e-6)
        }
      }
    }

  test("the steps are those of the formulas") {
    val weights = Array(-1f, 0.5f, 3f)
    val symmetric = new Grid(4, Symmetry.SYMMETRIC).fit(weights, 0, 3)
    assert(math.abs(symmetric.size - 3.0 / 7) < 3e-4)
    val asymmetric = new Grid(4, Symmetry.ASYMMETRIC).fit(weights, 0, 3)
    assert(math.abs(asymmetric.size - 4.0 / 15) < 2e-4)
    assert(asymmetric.least == -4 && asymmetric.most == 11, "z = round(1 / (4/15)) = 4")
    assert(asymmetric.rounded(100) == asymmetric.value(11), "what is outside is clamped")
  }

  test("zeros stay zeros, and weights that are no numbers are refused") {
    for (symmetry <- Symmetry.values()) {
      val grid = new Grid(4, symmetry)
      assert(grid.fit(new Array[Float](5), 0, 5).rounded(0) == 0f)
      for (bad <- Seq(Float.NaN, Float.PositiveInfinity, 1e9f)) {
        val error = intercept[LongformException](grid.fit(Array(1f, bad), 0, 2))
        assert(error.errorClass == ErrorClass.INVALID_MODEL)
        assert(error.getMessage.startsWith("Cannot quantise the weights: a step would be "))
      }
    }
  }

  test("levels are stored in the narrowest blocks that hold them") {
    val expected = Map(
      (8, Symmetry.SYMMETRIC) -> DType.Q8_0,
      (4, Symmetry.SYMMETRIC) -> DType.Q4_0,
      (3, Symmetry.SYMMETRIC) -> DType.Q4_0,
      (8, Symmetry.ASYMMETRIC) -> DType.F16,
      (4, Symmetry.ASYMMETRIC) -> DType.Q5_0,
      (3, Symmetry.ASYMMETRIC) -> DType.Q4_0
    )
    for (((bits, symmetry), dtype) <- expected; group <- Seq(0, 32, 64, 128)) {
      val storage = grid(bits, symmetry, group).storage(320)
      assert(storage.dtype() == dtype)
      assert(storage.whyPlain().isPresent == (dtype == DType.F16))
    }
    assert(grid(4, Symmetry.SYMMETRIC, 128).storage(48).whyPlain().get.contains("rows of 48"))
    assert(grid(4, Symmetry.SYMMETRIC, 48).storage(320).whyPlain().get.contains("groups of 48"))
    assert(!LevelBlock.narrowest(-200, 0).isPresent)
  }

  for (
    bits <- Bits; symmetry <- Symmetry.values(); (group, width) <- Seq(0 -> 96, 32 -> 96, 64 -> 160, 20 -> 50)
  )
    test(s"$bits bits $symmetry, groups of $group in rows of $width: what is stored is what was rounded") {
      val random = new Random(2)
      val rounding = grid(bits, symmetry, group)
      val weights = Array.fill(7 * width)(random.nextGaussian().toFloat)
      val found = withTensor(weights, 7, width.toLong)(matrix => values(rounding.round(matrix)))
      val expected = weights
        .grouped(width)
        .flatMap { row =>
          rounding.round(row)
          row
        }
        .toArray
      val plain = rounding.storage(width).dtype() == DType.F16
      for (i <- found.indices) {
        if (plain) assert(math.abs(found(i) - expected(i)) <= math.abs(expected(i)) / 2048 + 1e-7)
        else assert(found(i) == expected(i), s"element $i")
      }
      assert(found.toSeq != weights.toSeq)
    }

  test("blocks hold each of their levels") {
    for (dtype <- Seq(DType.Q8_0, DType.Q5_0, DType.Q4_0)) {
      val format = LevelBlock.of(dtype)
      val levels = Array.tabulate(32 * 16)(i => format.least() + i % (format.most() - format.least() + 1))
      val memory = Memory.allocate(dtype.bytes(levels.length.toLong))
      try {
        for (i <- levels.indices by 32)
          format.pack(0x3c00.toShort, levels, i, memory, dtype.bytes(i.toLong))
        val read = Tensor.view(dtype, Shape.of(1, levels.length.toLong), memory, 0).toArray
        assert(read.map(_.toInt).toSeq == levels.toSeq)
      } finally memory.close()
    }
  }
}
