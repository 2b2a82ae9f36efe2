package org.longform.spark.compare

import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class PositionScoresSuite extends AnyFunSuite {
  test("buckets end at 64 and at each doubling, and hold the sums of their positions") {
    val scores = new PositionScores
    val positions = Seq(1L, 63L, 64L, 127L, 128L, 511L, 65536L)
    positions.foreach(position => scores.add(position, position.toDouble))
    val buckets = scores.buckets().asScala.toSeq
    assert(
      buckets.map(b => (b.from(), b.to(), b.tokens(), b.nats())) == Seq(
        (0L, 64L, 2L, 64.0),
        (64L, 128L, 2L, 191.0),
        (128L, 256L, 1L, 128.0),
        (256L, 512L, 1L, 511.0),
        (65536L, 131072L, 1L, 65536.0)
      )
    )
    assert(buckets.map(_.tokens()).sum == positions.size)
  }

  test("without tokens there are no buckets") {
    assert(new PositionScores().buckets().isEmpty)
  }
}
