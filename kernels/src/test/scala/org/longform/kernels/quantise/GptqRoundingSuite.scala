package org.longform.kernels.quantise

import scala.util.Random

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.quantise.Grid.Symmetry
import org.longform.kernels.quantise.GroupedGridSuite._
import org.scalatest.funsuite.AnyFunSuite

/** GPTQ against plain rounding and against its paper's recursion, written down without Cholesky. */
class GptqRoundingSuite extends AnyFunSuite {
  private type Matrix = Array[Array[Double]]

  /** Inputs whose channels depend on each other and differ in size. */
  private def inputs(tokens: Int, width: Int, seed: Long): Array[Array[Float]] = {
    val random = new Random(seed)
    val mixing = Array.fill(width, width)(random.nextGaussian() / 4)
    Array.fill(tokens) {
      val x = Array.tabulate(width)(i => random.nextGaussian() * (if (i % 7 == 0) 5 else 1))
      Array.tabulate(width)(i => (x(i) + (0 until width).map(j => mixing(i)(j) * x(j)).sum).toFloat)
    }
  }

  private def withHessian[A](x: Array[Array[Float]])(body: Hessian => A): A = {
    val hessian = new Hessian(x.head.length)
    try {
      // in pieces, as layers give it
      x.grouped(100).foreach { part =>
        withTensor(part.flatten, part.length.toLong, x.head.length.toLong)(hessian.add)
      }
      body(hessian)
    } finally hessian.close()
  }

  private def gptq(
      weights: Array[Float],
      x: Array[Array[Float]],
      grid: GroupedGrid,
      block: Int = 128,
      staticGroups: Boolean = false,
      actOrder: Boolean = false,
      damp: Double = 0.01
  ): Array[Float] = withHessian(x) { hessian =>
    val factor = InverseFactor.of(hessian, damp, actOrder)
    val width = x.head.length
    try
      withTensor(weights, (weights.length / width).toLong, width.toLong) { matrix =>
        values(new GptqRounding(grid, block, staticGroups || actOrder, factor).round(matrix))
      }
    finally factor.close()
  }

  private def rtn(weights: Array[Float], width: Int, grid: GroupedGrid): Array[Float] =
    withTensor(weights, (weights.length / width).toLong, width.toLong)(m => values(grid.round(m)))

  private def gaussian(count: Int, seed: Long): Array[Float] = {
    val random = new Random(seed)
    Array.fill(count)(random.nextGaussian().toFloat)
  }

  /** ||(W' - W) X||². */
  private def error(found: Array[Float], weights: Array[Float], x: Array[Array[Float]]): Double = {
    val width = x.head.length
    var sum = 0.0
    for (row <- 0 until weights.length / width; token <- x) {
      var product = 0.0
      var i = 0
      while (i < width) {
        product += (found(row * width + i).toDouble - weights(row * width + i)) * token(i)
        i += 1
      }
      sum += product * product
    }
    sum
  }

  private def damped(x: Array[Array[Float]], damp: Double): Matrix = {
    val width = x.head.length
    val h = Array.tabulate(width, width) { (i, j) =>
      2.0 / x.length * x.map(token => token(i).toDouble * token(j)).sum
    }
    val mean = h.indices.map(i => if (h(i)(i) == 0) 1.0 else h(i)(i)).sum / width
    for (i <- h.indices) h(i)(i) = (if (h(i)(i) == 0) 1 else h(i)(i)) + damp * mean
    h
  }

  private def inverse(matrix: Matrix): Matrix = {
    val n = matrix.length
    val a = Array.tabulate(n, 2 * n)((i, j) => if (j < n) matrix(i)(j) else if (j - n == i) 1.0 else 0.0)
    for (p <- 0 until n) {
      val pivot = a(p)(p)
      for (j <- a(p).indices) a(p)(j) /= pivot
      for (i <- 0 until n if i != p) {
        val factor = a(i)(p)
        for (j <- a(i).indices) a(i)(j) -= factor * a(p)(j)
      }
    }
    a.map(_.drop(n))
  }

  /** Optimal brain quantisation in a fixed order: after each column the inverse loses that column. */
  private def oracle(
      weights: Array[Float],
      x: Array[Array[Float]],
      grid: GroupedGrid,
      order: Seq[Int],
      staticGroups: Boolean
  ): Array[Float] = {
    val width = x.head.length
    val group = grid.sizeIn(width)
    val whole = inverse(damped(x, 0.01))
    weights
      .grouped(width)
      .flatMap { row =>
        val inv = whole.map(_.clone())
        val w = row.map(_.toDouble)
        val original = grid.fit(row.clone())
        var step: Step = null
        val found = new Array[Float](width)
        for ((j, place) <- order.zipWithIndex) {
          if (staticGroups) step = original(j / group)
          else if (place % group == 0) step = grid.grid().fit(w, j, math.min(width, j + group))
          found(j) = step.rounded(w(j))
          val err = (w(j) - found(j)) / inv(j)(j)
          for (k <- order.drop(place + 1)) w(k) -= err * inv(j)(k)
          val column = inv.map(_(j))
          val rest = inv(j).clone()
          for (a <- inv.indices; b <- inv.indices) inv(a)(b) -= column(a) * rest(b) / rest(j)
        }
        found
      }
      .toArray
  }

  for (bits <- Bits; symmetry <- Symmetry.values(); group <- Seq(0, 32))
    test(s"$bits bits $symmetry, groups of $group: with independent inputs GPTQ is round-to-nearest") {
      val width = 160
      val weights = gaussian(9 * width, 3)
      val identity = Array.tabulate(width, width)((i, j) => if (i == j) 1f else 0f)
      val grid = GroupedGridSuite.grid(bits, symmetry, group)
      assert(gptq(weights, identity, grid).toSeq == rtn(weights, width, grid).toSeq)
    }

  for (bits <- Bits; symmetry <- Symmetry.values(); group <- Seq(0, 32, 64))
    test(
      s"$bits bits $symmetry, groups of $group: the error on the calibration is below round-to-nearest's"
    ) {
      val width = 192
      val weights = gaussian(140 * width, 4)
      val x = inputs(400, width, 5)
      val grid = GroupedGridSuite.grid(bits, symmetry, group)
      val plain = error(rtn(weights, width, grid), weights, x)
      for (actOrder <- Seq(false, true)) {
        val found = error(gptq(weights, x, grid, actOrder = actOrder), weights, x)
        assert(found < 0.8 * plain, s"act-order $actOrder")
        assert(found > 0)
      }
    }

  test("GPTQ is the recursion of its paper, whatever the block, the groups and the order") {
    val width = 64
    val weights = gaussian(5 * width, 6)
    val x = inputs(200, width, 7)
    val diagonal = damped(x, 0).zipWithIndex.map { case (row, i) => row(i) }
    val byActivation = diagonal.indices.sortBy(i => -diagonal(i))
    for (group <- Seq(0, 32); block <- Seq(1, 7, 32, 48, 128)) {
      val grid = GroupedGridSuite.grid(4, Symmetry.ASYMMETRIC, group)
      val dynamic = oracle(weights, x, grid, 0 until width, staticGroups = false)
      val static = oracle(weights, x, grid, 0 until width, staticGroups = true)
      val ordered = oracle(weights, x, grid, byActivation, staticGroups = true)
      val rounding = (found: Array[Float], expected: Array[Float]) =>
        found.zip(expected).count { case (a, b) => math.abs(a - b) > 1e-6 }
      // a weight between two levels may go either way by the last digit
      assert(rounding(gptq(weights, x, grid, block), dynamic) <= 2, s"groups of $group, blocks of $block")
      assert(rounding(gptq(weights, x, grid, block, staticGroups = true), static) <= 2)
      assert(rounding(gptq(weights, x, grid, block, actOrder = true), ordered) <= 2)
      if (group > 0) assert(rounding(dynamic, static) > 2, "the groups make no difference")
      assert(rounding(static, ordered) > 2, "the order makes no difference")
    }
  }

  test("channels without any input are zero and disturb nobody") {
    val width = 64
    val weights = gaussian(4 * width, 8)
    val x = inputs(200, width, 9)
    x.foreach(token => Seq(0, 13, 63).foreach(token(_) = 0f))
    val found = gptq(weights, x, GroupedGridSuite.grid(4, Symmetry.SYMMETRIC, 0)).grouped(width).toSeq
    for (row <- found) assert(row(0) == 0f && row(13) == 0f && row(63) == 0f && row.count(_ != 0) > 40)
  }

  test("fewer tokens than channels need damping, and without it the refusal is a sentence") {
    val weights = gaussian(2 * 64, 10)
    val x = inputs(20, 64, 11)
    val grid = GroupedGridSuite.grid(4, Symmetry.SYMMETRIC, 0)
    assert(gptq(weights, x, grid).forall(v => !v.isNaN))
    val refused = intercept[LongformException](gptq(weights, x.map(_.map(_ => 1f)), grid, damp = 0))
    assert(refused.errorClass == ErrorClass.INVALID_INPUT)
    assert(refused.getMessage.startsWith("Cannot quantise with the calibration text:"))
    assert(refused.getMessage.contains("(damp 0.0). Give more text"))
  }
}
