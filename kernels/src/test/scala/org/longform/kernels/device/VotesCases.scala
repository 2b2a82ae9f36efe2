package org.longform.kernels.device

import org.longform.kernels.attention.QueryRange
import org.longform.kernels.cache.{KvCache, KvDType, KvShape}
import org.longform.kernels.device.TopKeysRequest._
import org.longform.kernels.tensor.Tensor
import org.scalatest.Assertions._

/** Voted tokens. Keys and queries are small whole numbers: scores are exact, so votes and their order must be
  * the reference's, token by token.
  */
object VotesCases {
  private val HEADS = 6
  private val KV_HEADS = 2
  private val HEAD_DIM = 8

  private final case class Question(
      tokens: Int,
      from: Long,
      to: Long,
      k: Int,
      limit: Long,
      scoring: Scoring = Scoring.EXACT,
      queries: QueryRange = QueryRange.ALL,
      dtype: KvDType = KvDType.F32,
      draw: Draws => Int => Array[Float] = _.whole
  )

  /** All keys the same: everybody votes for the first ones. */
  private val EQUAL: Draws => Int => Array[Float] = _ => count => Array.fill(count)(1.5f)

  private def ask(kernels: Kernels, question: Question, order: VotesRequest.Order): Seq[Long] = {
    val draws = new Draws(question.tokens * 10007L + question.to)
    val cache = new KvCache(new KvShape(1, KV_HEADS, HEAD_DIM, question.dtype))
    draws.append(cache, question.to.toInt, question.draw(draws))
    draws.reserve(cache, question.tokens, question.draw(draws))
    val width = HEADS * HEAD_DIM
    val queries = Tensor.of(draws.whole(question.tokens * width), question.tokens.toLong, width.toLong)
    try {
      val keys = new TopKeysRequest(
        queries,
        cache.view(0),
        question.from,
        question.to,
        question.queries,
        question.k,
        question.scoring
      )
      kernels.votes(new VotesRequest(keys, order, question.limit)).toSeq
    } finally {
      queries.close()
      cache.close()
    }
  }

  private def cases(name: String, question: Question): Seq[KernelCase] =
    VotesRequest.Order.values().toSeq.map { order =>
      KernelCase("votes", s"$name, by $order") { (reference, device) =>
        assert(ask(device, question, order) == ask(reference, question, order))
      }
    }

  private def scoring(pairing: Pairing, norm: KeyNorm, blockRows: Int): Scoring =
    new Scoring(QueryTurn.NONE, pairing, norm, blockRows)

  private val sizes: Seq[KernelCase] = for {
    candidates <- Seq(1, 2, 9, 127, 128, 129, 700)
    k <- Seq(1, 4, 6)
    limit <- Seq(1L, 127L, Long.MaxValue)
    kernelCase <- cases(
      s"at most $limit of $candidates by the $k best",
      Question(21, 3, candidates + 3L, k, limit)
    )
  } yield kernelCase

  private val options: Seq[KernelCase] =
    cases("many queries", Question(300, 10, 2000, 4, 127)) ++
      cases("all of many", Question(300, 10, 2000, 4, Long.MaxValue)) ++
      cases("one token of long documents", Question(1, 37, 9037, 8, Long.MaxValue)) ++
      cases("equal keys", Question(30, 5, 500, 4, 3, draw = EQUAL)) ++
      cases("nothing wanted", Question(4, 5, 500, 4, 0)) ++
      cases("no candidate", Question(4, 5, 5, 4, 9)) ++
      cases("no vote", Question(4, 5, 50, 0, 9)) ++
      cases("a part of the queries", Question(9, 0, 50, 4, 20, queries = new QueryRange(53, 57))) ++
      cases("no query", Question(9, 0, 50, 4, 20, queries = new QueryRange(0, 50))) ++
      cases("heads modulo", Question(3, 0, 90, 4, 20, scoring(Pairing.MODULO, KeyNorm.NONE, 1))) ++
      cases("times the L1 norm", Question(3, 0, 90, 4, 20, scoring(Pairing.GROUP, KeyNorm.VALUE_L1, 1))) ++
      cases(
        "the best of every 128",
        Question(64, 1, 1025, 4, 127, scoring(Pairing.GROUP, KeyNorm.NONE, 128))
      ) ++
      cases("keys in float16", Question(21, 3, 500, 4, 127, dtype = KvDType.F16))

  val ALL: Seq[KernelCase] = sizes ++ options
}
