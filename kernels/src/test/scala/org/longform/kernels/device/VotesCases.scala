package org.longform.kernels.device

import org.longform.kernels.attention.QueryRange
import org.longform.kernels.cache.KvDType
import org.longform.kernels.device.TopKeysCases._
import org.longform.kernels.device.TopKeysRequest._
import org.scalatest.Assertions._

/** Voted tokens. Keys and queries are small whole numbers: scores are exact, so votes and their order must be
  * the reference's, token by token.
  */
object VotesCases {
  private def question(tokens: Int, from: Long, to: Long, k: Int): Question =
    Question(tokens, to.toInt, from, to, k)

  private def cases(name: String, question: Question, limit: Long): Seq[KernelCase] =
    VotesRequest.Order.values().toSeq.map { order =>
      KernelCase("votes", s"$name, by $order") { (reference, device) =>
        def ask(kernels: Kernels): Seq[Long] =
          asking(question)(keys => kernels.votes(new VotesRequest(keys, order, limit)).toSeq)
        assert(ask(device) == ask(reference))
      }
    }

  private val sizes: Seq[KernelCase] = for {
    candidates <- Seq(1, 2, 9, 127, 128, 129, 700)
    k <- Seq(1, 4, 6)
    limit <- Seq(1L, 127L, Long.MaxValue)
    kernelCase <- cases(
      s"at most $limit of $candidates by the $k best",
      question(21, 3, candidates + 3L, k),
      limit
    )
  } yield kernelCase

  private val options: Seq[KernelCase] =
    cases("many queries", question(300, 10, 2000, 4), 127) ++
      cases("all of many", question(300, 10, 2000, 4), Long.MaxValue) ++
      cases("one token of long documents", question(1, 37, 9037, 8), Long.MaxValue) ++
      // everybody votes for the first ones
      cases("equal keys", question(30, 5, 500, 4).copy(draw = EQUAL), 3) ++
      cases("nothing wanted", question(4, 5, 500, 4), 0) ++
      cases("no candidate", question(4, 5, 5, 4), 9) ++
      cases("no vote", question(4, 5, 50, 0), 9) ++
      cases("a part of the queries", question(9, 0, 50, 4).copy(queries = new QueryRange(53, 57)), 20) ++
      cases("no query", question(9, 0, 50, 4).copy(queries = new QueryRange(0, 50)), 20) ++
      cases(
        "heads modulo",
        question(3, 0, 90, 4).copy(scoring = scoring(Pairing.MODULO, KeyNorm.NONE, 1)),
        20
      ) ++
      cases(
        "times the L1 norm",
        question(3, 0, 90, 4).copy(scoring = scoring(Pairing.GROUP, KeyNorm.VALUE_L1, 1)),
        20
      ) ++
      cases(
        "the best of every 128",
        question(64, 1, 1025, 4).copy(scoring = scoring(Pairing.GROUP, KeyNorm.NONE, 128)),
        127
      ) ++
      cases("keys in float16", question(21, 3, 500, 4).copy(dtype = KvDType.F16), 127)

  val ALL: Seq[KernelCase] = sizes ++ options
}
