package org.longform.spark.compare

import java.time.Instant

import org.longform.kernels.error.ErrorClass
import org.longform.read.AnswerError
import org.longform.spark.compare.Cell.{Answered, Origin, Usage}
import org.longform.spark.compare.PositionScores.Bucket

import scala.collection.JavaConverters._

/** Cells as a job makes them. */
object ComparisonFixture {
  val failure = new AnswerError(ErrorClass.INTERNAL, "Cannot read it: no reason. Try again.")

  def question(value: String, depth: java.lang.Double = 0.5, expected: String = "yes"): Answered =
    new Answered("Is it?", expected, depth, value, if (value == null) failure else null)

  def answers(
      strategy: String,
      length: Long,
      asked: Seq[Answered],
      document: String = "d",
      error: AnswerError = null
  ): Cell =
    new Cell(
      new Cell.Key(document, strategy, Measure.ANSWERS),
      strategy,
      document,
      length,
      error,
      asked.asJava,
      Seq.empty.asJava,
      new Usage(length, 3, 2 * length, 100 * length, 1500, 500),
      origin
    )

  def perplexity(strategy: String, length: Long, buckets: Bucket*): Cell =
    new Cell(
      new Cell.Key("d" + length, strategy, Measure.PERPLEXITY),
      strategy,
      "d",
      length,
      null,
      Seq.empty.asJava,
      buckets.asJava,
      new Usage(length, 0, length, 200 * length, 1000, 0),
      origin
    )

  private def origin = new Origin("m", "tiny", "r", 1, "run", Instant.EPOCH)

  def comparison(strategies: Seq[String], cells: Seq[Cell], match_ : Match = Match.EXACT): Comparison =
    new Comparison(new Comparison.Setup("tiny", 512, 2), strategies.asJava, match_, cells.asJava)
}
