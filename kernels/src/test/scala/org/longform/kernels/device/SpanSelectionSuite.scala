package org.longform.kernels.device

import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

class SpanSelectionSuite extends AnyFunSuite {
  private val unlimited = SpanSelection.UNLIMITED

  private def select(
      selection: SpanSelection,
      votes: Votes,
      order: VotesRequest.Order,
      from: Long,
      to: Long
  ): Seq[Long] =
    selection.select(votes.first(selection.limit(), order), from, to).toArray(0).toSeq

  /** The rule on sets of single tokens. */
  private def naive(
      s: SpanSelection,
      votes: Votes,
      order: VotesRequest.Order,
      from: Long,
      to: Long
  ): Seq[Long] = {
    val voters = votes.rows.toSeq.grouped(votes.k).toSeq
    val ordered =
      if (order == VotesRequest.Order.RANK) voters.transpose.flatten.distinct
      else votes.rows.toSeq.groupBy(identity).toSeq.sortBy { case (row, all) => (-all.size, row) }.map(_._1)
    val served = if (s.clip == unlimited) ordered else ordered.take(s.clip.toInt)
    served
      .foldLeft(Set.empty[Long]) { (chosen, row) =>
        val lower = row + math.floor(-s.span / 2.0).toLong
        val upper = row + math.floor((s.span + 1) / 2.0).toLong - 1
        val larger = chosen ++ (lower to upper).filter(token => token >= from && token < to)
        if (s.budget == unlimited || larger.size <= s.budget) larger else chosen
      }
      .toSeq
      .sorted
  }

  test("selection equals the rule on sets of tokens for random votes and limits") {
    for (seed <- 1L to 400L) {
      val random = new Random(seed)
      val from = random.nextInt(5).toLong + (if (seed % 2 == 0) 1L << 33 else 0L)
      val to = from + 1 + random.nextInt(80)
      val k = 1 + random.nextInt(4)
      val voters = 1 + random.nextInt(20)
      val votes = new Votes(Array.fill(voters * k)(from + random.nextInt((to - from).toInt)), k)
      val clip = if (random.nextBoolean()) unlimited else 1L + random.nextInt(8)
      val budget = if (random.nextBoolean()) unlimited else random.nextInt(40).toLong
      val selection = new SpanSelection(1L + random.nextInt(9), clip, budget)
      for (order <- VotesRequest.Order.values()) {
        val actual = select(selection, votes, order, from, to)
        assert(
          actual == naive(selection, votes, order, from, to),
          s"seed $seed, $selection, $order, ${votes.rows.toSeq}"
        )
        if (selection.largest() != unlimited) assert(actual.size <= selection.largest(), s"seed $seed")
      }
    }
  }

  test("a span of 32 reaches from 16 before to 15 behind, and an odd one has one token more") {
    def span(size: Long): Seq[Long] =
      select(
        new SpanSelection(size, unlimited, unlimited),
        new Votes(Array(100L), 1),
        VotesRequest.Order.VOTES,
        0,
        1000
      )
    assert(span(32) == (84L to 115L))
    assert(span(5) == (97L to 102L))
    assert(span(1) == Seq(99L, 100L))
    assert(new SpanSelection(5, 10, unlimited).largest() == 60)
  }

  test("the clip keeps the most voted tokens, of equals the earlier") {
    val votes = new Votes(Array(70L, 50L, 30L, 50L, 10L, 70L), 2)
    def kept(clip: Long): Seq[Long] =
      select(new SpanSelection(2, clip, unlimited), votes, VotesRequest.Order.VOTES, 0, 100)
    assert(kept(1) == Seq(49, 50))
    assert(kept(2) == Seq(49, 50, 69, 70))
    assert(kept(3) == Seq(9, 10, 49, 50, 69, 70))
  }

  test("a span that does not fit the budget is left out whole and smaller needs behind it are served") {
    val votes = new Votes(Array(20L, 60L, 22L), 3)
    val selection = new SpanSelection(4, unlimited, 6)
    assert(select(selection, votes, VotesRequest.Order.RANK, 0, 100) == (18L to 23L))
  }

  test("a union of spans counts what is new, also when a span touches or bridges others") {
    for (seed <- 1L to 200L) {
      val random = new Random(seed)
      val union = new SpanUnion()
      var naive = Set.empty[Long]
      for (_ <- 0 until 12) {
        val from = random.nextInt(60).toLong
        val to = from + 1 + random.nextInt(12)
        assert(union.missing(from, to) == (from until to).count(!naive(_)), s"seed $seed")
        union.add(from, to)
        naive ++= (from until to)
        assert(union.size() == naive.size, s"seed $seed")
      }
      assert(union.rows().toArray(0).toSeq == naive.toSeq.sorted, s"seed $seed")
    }
  }
}
