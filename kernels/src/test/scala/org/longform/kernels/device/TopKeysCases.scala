package org.longform.kernels.device

import org.longform.kernels.attention.{PositionEncoding, QueryRange}
import org.longform.kernels.device.KernelCase.close
import org.longform.kernels.device.TopKeysRequest._
import org.longform.kernels.tensor.Tensor
import org.scalatest.Assertions._

/** Top-k. Keys and queries are small whole numbers, so that scores are exact and full of ties: the answer
  * must then be the reference's, token by token.
  */
object TopKeysCases {
  private val HEADS = 6
  private val KV_HEADS = 2
  private val HEAD_DIM = 8

  private final case class Question(
      tokens: Int,
      past: Int,
      from: Long,
      to: Long,
      k: Int,
      scoring: Scoring = Scoring.EXACT,
      queries: QueryRange = QueryRange.ALL
  )

  private def ask(kernels: Kernels, question: Question): TopKeys = {
    val draws = new Draws(question.tokens * 10007L + question.past)
    val cache = draws.cache(KV_HEADS, HEAD_DIM, question.past + question.tokens, draws.whole)
    val width = HEADS * HEAD_DIM
    val queries =
      Tensor.of(draws.whole(question.tokens * width), question.tokens.toLong, width.toLong)
    try
      kernels.topKeys(
        new TopKeysRequest(
          queries,
          cache.view(0),
          question.from,
          question.to,
          question.queries,
          question.k,
          question.scoring
        )
      )
    finally {
      queries.close()
      cache.close()
    }
  }

  private def exact(name: String, question: Question): KernelCase = KernelCase("topKeys", name) {
    (reference, device) =>
      val expected = ask(reference, question)
      val found = ask(device, question)
      assert(found.k() == expected.k() && found.queries() == expected.queries())
      assert(found.rows().toSeq == expected.rows().toSeq)
      close("scores", found.scores(), expected.scores(), Tolerances.EXACT)
  }

  /** Scores that are rounded: near-equal ones may change places, their values may not. */
  private def rounded(name: String, question: Question): KernelCase = KernelCase("topKeys", name) {
    (reference, device) =>
      val expected = ask(reference, question)
      val found = ask(device, question)
      close("scores", found.scores(), expected.scores(), Tolerances.SCORE)
      val all = ask(reference, question.copy(k = Int.MaxValue))
      for (answer <- 0 until found.heads() * found.queries()) {
        val scoreOf = (0 until all.k())
          .map(i => all.rows()(answer * all.k() + i) -> all.scores()(answer * all.k() + i))
          .toMap
        val rows = (0 until found.k()).map(i => found.rows()(answer * found.k() + i))
        assert(rows.distinct.size == rows.size, "a token twice")
        close(
          "scores of the chosen tokens",
          rows.map(scoreOf).toArray,
          found.scores().slice(answer * found.k(), (answer + 1) * found.k()),
          Tolerances.SCORE
        )
      }
  }

  private def scoring(pairing: Pairing, norm: KeyNorm, blockRows: Int): Scoring =
    new Scoring(QueryTurn.NONE, pairing, norm, blockRows)

  private val sizes: Seq[KernelCase] = for {
    candidates <- DenseCases.SIZES
    k <- Seq(1, 4, 40)
  } yield exact(
    s"the $k best of $candidates",
    Question(2, candidates + 3, 3, candidates + 3L, k)
  )

  private val options: Seq[KernelCase] = Seq(
    exact("many queries", Question(300, 500, 10, 490, 5)),
    exact("several tiles of candidates", Question(1, 9000, 0, 9000, 7)),
    exact("several tiles under many queries", Question(200, 2500, 0, 2500, 3)),
    exact("no candidate", Question(2, 10, 5, 5, 4)),
    exact("none asked for", Question(2, 10, 0, 10, 0)),
    exact("a part of the queries", Question(9, 50, 0, 50, 4, queries = new QueryRange(53, 57))),
    exact("no query", Question(9, 50, 0, 50, 4, queries = new QueryRange(0, 50))),
    exact("heads modulo", Question(3, 90, 0, 90, 4, scoring(Pairing.MODULO, KeyNorm.NONE, 1))),
    exact("times the L1 norm", Question(3, 90, 0, 90, 4, scoring(Pairing.GROUP, KeyNorm.VALUE_L1, 1)))
  ) ++ (for {
    blockRows <- Seq(2, 7, 128, 5000)
    candidates <- Seq(100, 257, 9000)
  } yield exact(
    s"the best of every $blockRows among $candidates",
    Question(2, candidates, 1, candidates.toLong, 4, scoring(Pairing.GROUP, KeyNorm.NONE, blockRows))
  )) ++ Seq(
    rounded("times the L2 norm", Question(3, 90, 0, 90, 4, scoring(Pairing.GROUP, KeyNorm.VALUE_L2, 1))),
    rounded(
      "a query turned to one position",
      Question(
        3,
        90,
        0,
        90,
        4,
        new Scoring(
          new QueryTurn(PositionEncoding.Rope.plain(HEAD_DIM, 10000), 2048),
          Pairing.GROUP,
          KeyNorm.NONE,
          1
        )
      )
    )
  )

  val ALL: Seq[KernelCase] = sizes ++ options
}
