package org.longform.kernels.device

import org.longform.kernels.attention._
import org.longform.kernels.cache.{KvCache, KvMemory, KvShape, Rows}
import org.longform.kernels.device.TopKeysRequest.Scoring
import org.longform.kernels.tensor.{MemorySource, Tensor}
import org.scalatest.Assertions._

/** Spans around voted tokens, and attention to them before and after they are told. Keys and queries are
  * small whole numbers: scores are exact, so the rows must be the reference's.
  */
object SpansCases {
  private val HEADS = 4
  private val KV_HEADS = 2
  private val HEAD_DIM = 8
  private val BEHIND = 13L

  private final case class Spans(tokens: Int, from: Long, to: Long, k: Int, selection: SpanSelection)

  private val order = Seq(VotesRequest.Order.VOTES, VotesRequest.Order.RANK)

  /** The rows that a device chooses, and its attention to them between the others, asked for before it tells.
    */
  private def ask(
      kernels: Kernels,
      source: MemorySource,
      spans: Spans,
      order: VotesRequest.Order
  ): (Seq[Long], Array[Float]) = {
    val draws = new Draws(spans.to * 31 + spans.tokens)
    val cache =
      new KvCache(new KvShape(1, KV_HEADS, HEAD_DIM), KvMemory.UNLIMITED, source)
    val width = (HEADS * HEAD_DIM).toLong
    val queries = Tensor.of(draws.whole(spans.tokens * width.toInt), spans.tokens.toLong, width)
    val out = Tensor.allocate(spans.tokens.toLong, width)
    try {
      draws.append(cache, (spans.to + BEHIND).toInt, draws.whole)
      draws.reserve(cache, spans.tokens, draws.whole)
      val view = cache.view(0)
      val keys =
        new TopKeysRequest(queries, view, spans.from, spans.to, QueryRange.ALL, spans.k, Scoring.EXACT)
      val rows = kernels
        .spans(new SpansRequest(keys, order, spans.selection))
        .between(Rows.range(0, spans.from), Rows.range(spans.to, view.end()))
      val plan = AttentionPlan.of(
        Segment.of(
          rows,
          new KeyPositions.Contiguous(0),
          new QueryPositions.Packed(rows, view.end()),
          new Band.Causal()
        )
      )
      try {
        kernels.attend(
          new AttendRequest(queries, view, plan, AttendSetup.rope(HEAD_DIM), 0.3, out, AttendTaps.NONE)
        )
        (rows.toArray(0).toSeq, out.toArray)
      } finally plan.close()
    } finally {
      out.close()
      queries.close()
      cache.close()
    }
  }

  private def cases(name: String, spans: Spans): Seq[KernelCase] = for {
    served <- order
    there <- Seq(true, false)
  } yield KernelCase("spans", s"$name, by $served, pages ${if (there) "of the device" else "of the host"}") {
    (reference, device) =>
      val (expected, answer) = ask(reference, MemorySource.HOST, spans, served)
      val (found, answered) = ask(device, if (there) device.memory() else MemorySource.HOST, spans, served)
      assert(found == expected)
      KernelCase.close("attention", answered, answer, Tolerances.ATTENTION)
  }

  private val unlimited = SpanSelection.UNLIMITED

  private val sizes: Seq[KernelCase] = for {
    candidates <- Seq(1, 2, 33, 128, 700)
    selection <- Seq(
      new SpanSelection(4, unlimited, unlimited),
      new SpanSelection(5, 3, unlimited),
      new SpanSelection(32, 1, unlimited),
      new SpanSelection(4, unlimited, 9)
    )
    kernelCase <- cases(s"$selection of $candidates", Spans(5, 7, candidates + 7L, 3, selection))
  } yield kernelCase

  val ALL: Seq[KernelCase] = sizes ++
    cases("a single token", Spans(1, 32, 1500, 8, new SpanSelection(32, 127, unlimited))) ++
    cases("no token before", Spans(3, 0, 200, 4, new SpanSelection(6, 10, unlimited))) ++
    cases("many queries", Spans(70, 5, 900, 4, new SpanSelection(8, 40, unlimited))) ++
    cases("many queries and a budget", Spans(70, 5, 900, 4, new SpanSelection(8, unlimited, 100))) ++
    // more votes than a card serves in turn, and more rows than it keeps room for
    cases("a budget for many votes", Spans(300, 5, 4500, 4, new SpanSelection(2, unlimited, 60))) ++
    cases("room for all of many", Spans(1, 1, 70000, 4, new SpanSelection(40000, unlimited, unlimited))) ++
    cases("no vote", Spans(3, 5, 90, 0, new SpanSelection(4, unlimited, unlimited))) ++
    cases("no candidate", Spans(3, 5, 5, 4, new SpanSelection(4, unlimited, unlimited))) ++
    cases("nothing wanted", Spans(3, 5, 90, 4, new SpanSelection(4, 0, unlimited))) ++
    cases("no budget", Spans(3, 5, 90, 4, new SpanSelection(4, unlimited, 0)))
}
