package org.longform.read

import org.scalatest.funsuite.AnyFunSuite

import java.util.Random

class DocumentTokensSuite extends AnyFunSuite {
  private def middle(start: Long, end: Long): Long = (start + math.max(start, end - 1)) / 2

  test("the middle of every token is found again, however far apart tokens stand") {
    val seed = 20261121L
    info(s"seed $seed")
    val random = new Random(seed)
    val tokens = new DocumentTokens
    val expected = Seq.newBuilder[Long]
    var at = 0L
    for (_ <- 0 until 5000) {
      // tokens that share a character, gaps that fit a byte or do not, and places beyond 32 bits
      val gap = random.nextInt(100) match {
        case 0          => 5000000000L
        case n if n < 5 => 200L + random.nextInt(200)
        case _          => 0L
      }
      val length = if (random.nextInt(20) == 0) 0 else random.nextInt(12)
      tokens.add(at + gap, at + gap + length)
      expected += middle(at + gap, at + gap + length)
      at += gap + length
    }
    val middles = expected.result()
    assert(tokens.count() == 5000 && middles.last > Int.MaxValue)
    assert(middles.indices.map(i => tokens.middle(i.toLong)) == middles)
  }
}
