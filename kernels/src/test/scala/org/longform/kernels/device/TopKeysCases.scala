package org.longform.kernels.device

import org.longform.kernels.attention.{PositionEncoding, QueryRange}
import org.longform.kernels.cache.{KvCache, KvDType, KvShape}
import org.longform.kernels.device.KernelCase.close
import org.longform.kernels.device.TopKeysRequest._
import org.longform.kernels.tensor.Tensor
import org.scalatest.Assertions._

/** Top-k. Where keys and queries are small whole numbers, scores are exact and full of ties: the answer must
  * then be the reference's, token by token.
  */
object TopKeysCases {
  private val HEADS = 6
  private val KV_HEADS = 2
  private val HEAD_DIM = 8

  private[device] final case class Question(
      tokens: Int,
      past: Int,
      from: Long,
      to: Long,
      k: Int,
      scoring: Scoring = Scoring.EXACT,
      queries: QueryRange = QueryRange.ALL,
      dtype: KvDType = KvDType.F32,
      headDim: Int = HEAD_DIM,
      draw: Draws => Int => Array[Float] = _.whole
  )

  private val UNIFORM: Draws => Int => Array[Float] = _.uniform

  /** All keys the same. */
  private[device] val EQUAL: Draws => Int => Array[Float] = _ => count => Array.fill(count)(1.5f)

  /** Every seventh value is not a number. */
  private val WITH_NAN: Draws => Int => Array[Float] = draws =>
    count => draws.whole(count).zipWithIndex.map { case (x, i) => if (i % 67 == 5) Float.NaN else x }

  /** Tokens in groups around common centres, as documents have them. */
  private val CLUSTERED: Draws => Int => Array[Float] = draws =>
    count => {
      val width = 16
      val centres = draws.uniform(width * (count / (150 * width) + 1)).map(_ * 4)
      draws.uniform(count).zipWithIndex.map { case (x, i) =>
        0.2f * x + centres((i / (150 * width)) * width + i % width)
      }
    }

  private[device] def asking[A](question: Question)(answer: TopKeysRequest => A): A = {
    val draws = new Draws(question.tokens * 10007L + question.past)
    val cache = new KvCache(new KvShape(1, KV_HEADS, question.headDim, question.dtype))
    // as a session does it: what is asked is reserved, not yet committed
    draws.append(cache, question.past, question.draw(draws))
    draws.reserve(cache, question.tokens, question.draw(draws))
    val width = HEADS * question.headDim
    val drawn =
      if (question.draw eq UNIFORM) draws.uniform(question.tokens * width)
      else draws.whole(question.tokens * width)
    val queries = Tensor.of(drawn, question.tokens.toLong, width.toLong)
    try
      answer(
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

  private def ask(kernels: Kernels, question: Question): TopKeys = asking(question)(kernels.topKeys(_))

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

  private[device] def scoring(pairing: Pairing, norm: KeyNorm, blockRows: Int): Scoring =
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

  private val stored: Seq[KernelCase] = for {
    headDim <- Seq(1, 7, 16, 33, 64)
    dtype <- KvDType.values().toSeq
    (tokens, past) <- Seq((1, 300), (30, 270))
  } yield {
    val name = s"the 5 best of 290 keys of $headDim in $dtype for $tokens"
    val question = Question(tokens, past, 10, 300, 5, dtype = dtype, headDim = headDim)
    if (dtype == KvDType.Q8) rounded(name, question.copy(draw = UNIFORM)) else exact(name, question)
  }

  /** Single tokens behind long pasts: where a device may look at less than every key. */
  private val single: Seq[KernelCase] = for {
    dtype <- KvDType.values().toSeq
    (kind, draw) <- Seq[(String, Draws => Int => Array[Float])](
      "whole" -> (_.whole),
      "equal" -> EQUAL,
      "clustered" -> CLUSTERED,
      "uniform" -> UNIFORM
    )
    k <- Seq(1, 4, 70)
  } yield {
    val name = s"the $k best of 5000 $kind keys in $dtype for one token"
    val question = Question(1, 5100, 37, 5037, k, dtype = dtype, headDim = 16, draw = draw)
    val isExact = kind == "whole" || kind == "equal"
    if (isExact && dtype != KvDType.Q8) exact(name, question) else rounded(name, question)
  }

  private val notNumbers: Seq[KernelCase] = Seq(
    exact(
      "keys that are not numbers come last, many queries",
      Question(20, 280, 3, 283, 280, draw = WITH_NAN)
    ),
    exact("keys that are not numbers come last, one token", Question(1, 280, 3, 280, 277, draw = WITH_NAN)),
    exact("keys that are not numbers among many", Question(1, 3000, 3, 3000, 9, draw = WITH_NAN)),
    exact(
      "blocks of keys that are not numbers come last",
      Question(2, 280, 3, 280, 40, scoring(Pairing.GROUP, KeyNorm.NONE, 7), draw = WITH_NAN)
    )
  )

  val ALL: Seq[KernelCase] = sizes ++ options ++ stored ++ single ++ notNumbers
}
