package org.longform.kernels.weights

import org.longform.kernels.tensor.{DType, Memory, Tensor}
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

class HalvesSuite extends AnyFunSuite {
  private def halves(values: Array[Float], rows: Int): Option[Array[Float]] = {
    val before = Memory.allocatedBytes()
    val tensor = Tensor.of(values, rows.toLong, values.length.toLong / rows)
    val copy = Halves.of(tensor)
    val found =
      if (copy.isPresent) {
        assert(copy.get.dtype() == DType.F16 && copy.get.shape() == tensor.shape())
        Some(copy.get.toArray)
      } else None
    copy.ifPresent(_.close())
    tensor.close()
    assert(Memory.allocatedBytes() == before)
    found
  }

  test("a float16 copy is within a two thousandth of the largest of each row") {
    val random = new Random(3)
    val values = Array.fill(7 * 33)(random.nextGaussian().toFloat * 0.02f)
    val found = halves(values, 7).get
    for (row <- values.indices by 33) {
      val largest = values.slice(row, row + 33).map(math.abs).max
      for (i <- row until row + 33) assert(math.abs(found(i) - values(i)) <= largest / 2048)
    }
    assert(found.toSeq != values.toSeq)
    assert(halves(Array.fill(8)(0f), 2).get.forall(_ == 0f))
  }

  test("rows of very small or of large numbers have no such copy") {
    assert(halves(Array(1f, 0.5f, 1e-7f, 3e-7f), 2).isEmpty)
    assert(halves(Array(1f, 0.5f, 1f, 70000f), 2).isEmpty)
    // beside a large number a small one may lose its bits
    assert(halves(Array(1f, 3e-9f), 1).get.toSeq == Seq(1f, 0f))
  }
}
