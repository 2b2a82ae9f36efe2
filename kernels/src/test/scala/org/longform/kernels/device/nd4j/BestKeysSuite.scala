package org.longform.kernels.device.nd4j

import java.util.Random

import org.scalatest.funsuite.AnyFunSuite

class BestKeysSuite extends AnyFunSuite {
  test("the best k of any sequence, the earlier of equal ones first") {
    val seed = 11L
    val random = new Random(seed)
    for (round <- 0 until 500) {
      val k = 1 + random.nextInt(9)
      // few different scores: most comparisons meet a tie
      val scores = Array.fill(k + random.nextInt(40))(random.nextInt(6).toFloat)
      val best = new BestKeys(k)
      for ((score, row) <- scores.zipWithIndex) best.offer(row.toLong, score)
      val rows = new Array[Long](k + 2)
      val found = new Array[Float](k + 2)
      best.drain(rows, found, 1)
      val expected = scores.zipWithIndex.sortBy { case (score, row) => (-score, row) }.take(k)
      withClue(s"seed $seed, round $round: ") {
        assert(rows.slice(1, k + 1).toSeq == expected.map(_._2.toLong).toSeq)
        assert(found.slice(1, k + 1).toSeq == expected.map(_._1).toSeq)
      }
    }
  }

  test("a score that is not a number comes last") {
    val best = new BestKeys(2)
    Seq(Float.NaN, -5f, 3f).zipWithIndex.foreach { case (s, i) => best.offer(i.toLong, s) }
    val rows = new Array[Long](2)
    best.drain(rows, new Array[Float](2), 0)
    assert(rows.toSeq == Seq(2L, 1L))
  }
}
