package org.longform.spark.job

import org.scalatest.funsuite.AnyFunSuite

import java.util.Collections
import scala.collection.JavaConverters._

class RoundsSuite extends AnyFunSuite {
  private def next(maxAttempts: Int, crashes: Int*): Seq[Int] = {
    val open = crashes.zipWithIndex.map { case (count, i) =>
      new PendingDocument(s"hash$i", s"doc$i", "path", 1, Collections.emptyList()).withCrashes(count)
    }
    Rounds.next(open.asJava, maxAttempts).asScala.map(_.docId.drop(3).toInt).toSeq
  }

  test("documents without a crash come first, then those with one together, and each last attempt alone") {
    assert(next(3, 0, 1, 0, 2) == Seq(0, 2))
    assert(next(3, 1, 2, 1) == Seq(0, 2))
    assert(next(3, 2, 2, 2) == Seq(0))
    assert(next(5, 3, 4, 1) == Seq(0, 2))
    assert(next(2, 1, 1, 0) == Seq(2))
    assert(next(2, 1, 1) == Seq(0))
    assert(next(3).isEmpty)
  }
}
