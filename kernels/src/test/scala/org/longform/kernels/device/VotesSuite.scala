package org.longform.kernels.device

import org.longform.kernels.attention.QueryRange
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

class VotesSuite extends AnyFunSuite {
  test("by rank the best of each voter comes before the second of any") {
    val votes = new Votes(Array(70L, 50L, 30L, 50L, 10L, 70L), 2)
    assert(votes.byRank(9).toSeq == Seq(70, 30, 10, 50))
    assert(votes.byCount(9).toSeq == Seq(50, 70, 10, 30))
  }

  test("the first of an order are the same however many are asked for") {
    for (seed <- 1L to 100L) {
      val random = new Random(seed)
      val k = 1 + random.nextInt(3)
      val votes = new Votes(Array.fill(k * random.nextInt(300))(random.nextInt(200).toLong << 20), k)
      val counts = votes.rows.toSeq.groupBy(identity).toSeq.map { case (row, all) => (-all.size, row) }
      val byCount = counts.sorted.map(_._2)
      val byRank = votes.rows.toSeq.grouped(k).toSeq.transpose.flatten.distinct
      for (limit <- Seq(0L, 1L, 2L, 7L, 50L, 199L, 200L, Long.MaxValue)) {
        val first = math.min(limit, 1000L).toInt
        assert(votes.byCount(limit).toSeq == byCount.take(first), s"seed $seed, $limit")
        assert(votes.byRank(limit).toSeq == byRank.take(first), s"seed $seed, $limit")
      }
    }
  }

  test("a token or a number of votes beyond what a rank holds is refused") {
    val refused = intercept[IllegalArgumentException](VoteRank.of(1L << 40, 1))
    assert(refused.getMessage.startsWith("Cannot rank token 1099511627776 with 1 votes: "))
    intercept[IllegalArgumentException](VoteRank.of(1, 1 << 23))
    assert(VoteRank.rows(Array(VoteRank.of((1L << 40) - 1, (1 << 23) - 1))).toSeq == Seq((1L << 40) - 1))
  }

  test("voters with fewer candidates than votes vote for one token with the rest") {
    val votes = new Votes(Array(5L, 6L, 7L, 8L), 2).filledUpTo(4, 3L)
    assert(votes.rows.toSeq == Seq(5, 6, 3, 3, 7, 8, 3, 3))
    assert(votes.byCount(1).head == 3)
    assert(votes.filledUpTo(2, 9L).rows.toSeq == votes.rows.toSeq)
  }

  test("a number of tokens below zero is refused with a sentence") {
    val draws = new Draws(1)
    val cache = draws.cache(1, 4, 70, draws.uniform)
    val queries = draws.tensor(1, 4)
    try {
      val keys =
        new TopKeysRequest(queries, cache.view(0), 0, 70, QueryRange.ALL, 1, TopKeysRequest.Scoring.EXACT)
      val refused = intercept[LongformException](
        Devices.choose("reference").open(1).votes(new VotesRequest(keys, VotesRequest.Order.VOTES, -1))
      )
      assert(refused.errorClass() == ErrorClass.INVALID_PLAN)
      assert(
        refused.getMessage ==
          "Cannot find the best keys: -1 voted tokens are asked for. This is a bug in the context strategy."
      )
    } finally {
      queries.close()
      cache.close()
    }
  }
}
