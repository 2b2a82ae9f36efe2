package org.longform.spark.compare

import org.longform.spark.compare.ComparisonFixture._
import org.longform.spark.compare.PositionScores.Bucket
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** The figures that are made of what was measured. */
class ComparisonSuite extends AnyFunSuite {
  test("right answers are counted by strategy, length and depth; failed questions are not among them") {
    val all = comparison(
      Seq("a", "b"),
      Seq(
        answers("a", 64, Seq(question("yes", 0.0), question(" yes\n", 1.0), question("no", 1.0))),
        answers("a", 128, Seq(question(null, 0.24), question("yes", 0.26), question("Yes", 0.25))),
        answers("b", 64, Seq(question("no")))
      )
    )
    assert(all.share("a", 64) == new Comparison.Share(2, 3, 0))
    assert(all.share("a", 64, 1.0) == new Comparison.Share(1, 2, 0))
    assert(all.share("a", 128) == new Comparison.Share(1, 2, 1))
    assert(all.share("a", 128, 0.25) == new Comparison.Share(1, 2, 1))
    assert(all.share("b", 128) == new Comparison.Share(0, 0, 0))
    assert(!all.share("b", 128).value().isPresent)
    assert(all.depths().asScala.toSeq == Seq(0.0, 0.25, 0.5, 1.0))
    assert(all.lengths().asScala.toSeq == Seq(64, 128))
  }

  test("an answer without an expected one is neither right nor wrong, nor is its place unknown to others") {
    val all = comparison(
      Seq("a"),
      Seq(answers("a", 64, Seq(question("x", null, null), question("x", null, " "), question("yes", null))))
    )
    assert(all.share("a", 64) == new Comparison.Share(1, 1, 0))
    assert(all.depths().isEmpty)
  }

  test("contains accepts answers with more words, in other case and spacing; exact does not") {
    val asked = Seq(question("It was a  YES vote", 0.5, "yes vote"))
    def right(judge: Match) = comparison(Seq("a"), Seq(answers("a", 64, asked)), judge).share("a", 64).right()
    assert(right(Match.CONTAINS) == 1)
    assert(right(Match.EXACT) == 0)
  }

  test("perplexity is that of all tokens of a bucket together, not a mean of documents") {
    val all = comparison(
      Seq("a"),
      Seq(
        perplexity("a", 64, new Bucket(0, 64, 10, 10)),
        perplexity("a", 128, new Bucket(0, 64, 30, 90), new Bucket(64, 128, 50, 50))
      )
    )
    assert(math.abs(all.perplexityAt("a", 64).getAsDouble - math.exp(100.0 / 40)) < 1e-9)
    assert(math.abs(all.perplexity("a", 128).getAsDouble - math.exp(140.0 / 80)) < 1e-9)
    assert(!all.perplexityAt("a", 256).isPresent)
    assert(all.positions().asScala.toSeq == Seq(64, 128))
  }

  test("time is the mean of the answers, memory the most of all readings, and errors count in neither") {
    val all = comparison(
      Seq("a"),
      Seq(
        answers("a", 64, Seq(question("yes"))),
        answers("a", 64, Seq(question(null)), "broken", failure),
        perplexity("a", 64, new Bucket(0, 64, 10, 10))
      )
    )
    assert(all.seconds("a", 64).getAsDouble == 2.0)
    assert(all.attendedTokens("a", 64).getAsDouble == 128.0)
    assert(all.peakKvBytes("a", 64).getAsDouble == 12800.0)
    assert(all.failures("a", 64) == 1)
  }
}
