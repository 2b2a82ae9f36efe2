package org.longform.kernels.device.nd4j

import java.util.Random

import org.scalatest.funsuite.AnyFunSuite

class ExponentialsSuite extends AnyFunSuite {
  private val SEED = 5L

  test("exp is right to 2e-7 over its whole range, at every place of a block") {
    val random = new Random(SEED)
    val count = 3 * Exponentials.BLOCK + 17
    val inputs = Array.fill(count)((random.nextFloat() - 0.5f) * 171f)
    val x = inputs.clone()
    val sum = new Exponentials().apply(x, 3, count - 2, 0.25f)
    for (i <- 3 until count - 2) {
      val expected = math.exp((inputs(i) - 0.25f).toDouble)
      assert(math.abs(x(i) - expected) <= 2e-7 * expected, s"seed $SEED, exp(${inputs(i)} - 0.25)")
    }
    // what lies outside the range stays as it was
    for (i <- Seq(0, 1, 2, count - 2, count - 1)) assert(x(i) == inputs(i))
    val exact = x.slice(3, count - 2).map(_.toDouble).sum
    assert(math.abs(sum - exact) <= 1e-5 * exact)
  }

  test("arguments beyond the range are as good as its ends, and NaN stays NaN") {
    val x = Array(-1e30f, Float.NegativeInfinity, 1e30f, Float.NaN, 0f)
    new Exponentials().apply(x, 0, 5, 0f)
    assert(x(0) < 1e-37f && x(0) >= 0 && x(1) == x(0))
    assert(x(2) > 1e37f && !x(2).isInfinite)
    assert(x(3).isNaN && x(4) == 1f)
  }

  test("the sum of nothing is zero") {
    assert(new Exponentials().apply(new Array[Float](4), 2, 2, 0f) == 0f)
  }

  test("max is the largest of any part, and passes over NaN") {
    val random = new Random(SEED)
    val x = Array.fill(40)(random.nextFloat() * 10 - 20)
    for (from <- 0 to 40; to <- from to 40) {
      val expected = x.slice(from, to).foldLeft(Float.NegativeInfinity)(math.max)
      assert(Exponentials.max(x, from, to) == expected, s"seed $SEED, $from to $to")
    }
    assert(Exponentials.max(Array(Float.NaN, -3f, Float.NaN), 0, 3) == -3f)
  }
}
