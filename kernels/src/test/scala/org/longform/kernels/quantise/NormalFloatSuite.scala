package org.longform.kernels.quantise

import scala.util.Random

import org.scalatest.funsuite.AnyFunSuite

/** The tables of QLoRA, and what becomes of blocks. */
class NormalFloatSuite extends AnyFunSuite {
  test("the levels of NF4 are the published quantiles of the normal distribution") {
    // QLoRA, appendix E
    val published = Seq(
      -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
      -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
      0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023,
      1.0
    )
    assert((0 until 16).map(NormalFloat.level) == published.map(_.toFloat))
  }

  test("values go to the nearest level, with the thresholds of bitsandbytes") {
    // kernels.cu, dQuantizeNF4: between which neighbours the value changes its level
    val thresholds = Seq(
      -0.8480964004993439, -0.6106329262256622, -0.4599952697753906, -0.33967943489551544,
      -0.23460740596055984, -0.13791173323988914, -0.045525018125772476, 0.03979014977812767,
      0.1202552504837513, 0.2035212516784668, 0.2920137718319893, 0.3893125355243683, 0.5016634166240692,
      0.6427869200706482, 0.8614784181118011
    )
    for ((threshold, i) <- thresholds.zipWithIndex) {
      assert(NormalFloat.code((threshold - 1e-6).toFloat) == i)
      assert(NormalFloat.code((threshold + 1e-6).toFloat) == i + 1)
    }
    for (code <- 0 until 16) assert(NormalFloat.code(NormalFloat.level(code)) == code)
    assert(NormalFloat.code(7f) == 15 && NormalFloat.code(-7f) == 0)
  }

  test("the dynamic code is that of bitsandbytes") {
    val code = NormalFloat.dynamicCode()
    assert(code.length == 256 && code.toSeq == code.sorted.toSeq && code.distinct.length == 256)
    // first and last of create_dynamic_map(signed=True)
    val ends = Seq(-0.99296875, -0.97890625, -0.96484375, 0.96484375, 0.97890625, 0.99296875, 1.0)
    (code.take(3) ++ code.takeRight(4)).zip(ends).foreach { case (a, b) => assert(math.abs(a - b) < 1e-7) }
    // around zero: one value at 1e-6, two at 1e-5
    val middle = Seq(-0.325e-5, -0.55e-6, 0.0, 0.55e-6, 0.325e-5, 0.775e-5)
    code.slice(125, 131).zip(middle).foreach { case (a, b) => assert(math.abs(a - b) < 1e-12, a) }
  }

  test("the largest weight of a block is exact, and zeros stay zeros") {
    val random = new Random(1)
    for (trial <- 0 until 50) {
      val weights = Array.fill(64)(random.nextGaussian().toFloat / 50)
      weights(5) = 0
      val extreme = weights.maxBy(w => math.abs(w))
      val scale = math.abs(extreme)
      val found = weights.clone()
      Nf4.round(found, scale, scale)
      assert(found(weights.indexOf(extreme)) == extreme)
      assert(found(5) == 0f)
      for (i <- weights.indices) {
        val nearest = (0 until 16).map(c => math.abs(NormalFloat.level(c) * scale - weights(i))).min
        assert(math.abs(found(i) - weights(i)) <= nearest + 1e-7)
      }
    }
  }

  test("scales of blocks come back within the 8-bit code's error, and equal ones exactly") {
    assert(Nf4.doubleQuantised(Array.fill(10)(0.25f), 256).toSeq == Seq.fill(10)(0.25f))
    val random = new Random(2)
    val scales = Array.fill(600)(0.05f + random.nextFloat() / 100)
    val found = Nf4.doubleQuantised(scales, 256)
    val mean = scales.map(_.toDouble).sum / scales.length
    for (group <- scales.indices.grouped(256)) {
      val largest = group.map(i => math.abs(scales(i) - mean)).max
      for (i <- group) {
        val code = NormalFloat.dynamicCode().map(c => math.abs(c * largest + mean - scales(i))).min
        assert(math.abs(found(i) - scales(i)) <= code + 1e-8)
      }
    }
    assert(found.zip(scales).exists { case (a, b) => a != b })
  }
}
