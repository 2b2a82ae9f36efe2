package org.longform.kernels.context

import org.longform.kernels.attention.{AttentionPlan, PositionEncoding}
import org.longform.kernels.cache.{KvCache, Rows}
import org.longform.kernels.device.{AttendRequest, AttendTaps, Kernels}
import org.longform.kernels.tensor.Tensor

/** One layer read block by block, as a session would do it. */
class Reading(
    strategy: ContextStrategy,
    sequence: Sequence,
    encoding: PositionEncoding,
    kernels: Kernels,
    layer: Int = 0,
    behind: Option[KvCache] = None
) extends AutoCloseable {
  val cache: KvCache = behind.getOrElse(sequence.emptyCache())
  val out: Array[Float] = new Array[Float](sequence.q.length)

  /** Reads tokens up to `to` as one block; `watch` gets the plan and the request it answers. */
  def watched(to: Int)(watch: (PlanRequest, AttentionPlan) => Unit): Unit = {
    val from = cache.length().toInt
    sequence.append(cache, from, to)
    val queries = sequence.queries(from, to)
    val request = new PlanRequest(layer, queries, cache.view(0), encoding, kernels)
    val plan = strategy.plan(request)
    watch(request, plan)
    Reading
      .attend(request, plan, sequence.scale, taps)
      .copyToArray(out, from * sequence.heads * sequence.headDim)
    queries.close()
    cache.commit()
    if (strategy.wantsScores()) {
      val first = math.max(from, 1)
      strategy.scored(first, Array.range(first, to).map(Reading.surprise))
    }
    probe()
    Reading.keep(strategy, cache)
  }

  private def taps: AttendTaps = {
    val watching = strategy.watch(layer)
    if (watching.isPresent) AttendTaps.NONE.withHeadMass(watching.get) else AttendTaps.NONE
  }

  /** Rows of a probe: drawn from its tokens. */
  protected def rowsOf(ids: Array[Int]): Sequence =
    Sequence.random(
      ids.toSeq.hashCode().toLong,
      ids.length,
      sequence.heads,
      sequence.kvHeads,
      sequence.headDim
    )

  /** Nothing of a probe stays. */
  private def probe(): Unit = {
    val ids = strategy.probe(cache.length())
    if (ids.nonEmpty) {
      val rows = rowsOf(ids)
      rows.append(cache, 0, ids.length)
      val queries = rows.queries(0, ids.length)
      try {
        val request = new PlanRequest(layer, queries, cache.view(0), encoding, kernels)
        val plan = strategy.plan(request)
        Reading.attend(request, plan, sequence.scale, taps)
      } finally {
        queries.close()
        cache.rollback()
      }
    }
  }

  def block(to: Int): Unit = watched(to)((_, _) => ())

  /** Reads all tokens in blocks with the given ends. */
  def blocks(ends: Iterable[Int]): Array[Float] = {
    ends.foreach(block)
    out
  }

  /** Reads all tokens in the blocks that the strategy asks for. */
  def whole(watch: (PlanRequest, AttentionPlan) => Unit): Array[Float] = {
    while (cache.length() < sequence.tokens) {
      val next = strategy.nextChunk(cache.length(), -1)
      watched(math.min(sequence.tokens.toLong, cache.length() + next).toInt)(watch)
    }
    out
  }

  override def close(): Unit = cache.close()
}

object Reading {

  /** Keeps of a cache what a strategy wants to keep. */
  def keep(strategy: ContextStrategy, cache: KvCache): Unit = {
    cache.retain(strategy.retain(cache.held(), cache.length()))
    strategy.gather(cache.held(), cache.length()).ifPresent { wanted =>
      cache.gather(wanted)
      strategy.gathered()
    }
  }

  /** Tells a strategy of a block that was committed, and keeps what it wants to keep.
    *
    * @return
    *   how many tokens it would have read and forgotten between
    */
  def ended(strategy: ContextStrategy, cache: KvCache, first: Long): Int = {
    if (strategy.wantsScores()) {
      val predicted = math.max(first, 1)
      strategy.scored(predicted, (predicted until cache.length()).map(row => surprise(row.toInt)).toArray)
    }
    val probe = strategy.probe(cache.length())
    keep(strategy, cache)
    probe.length
  }

  /** How surprising the token of a row is said to be, in nats. */
  def surprise(row: Int): Double = 10 * new scala.util.Random(row).nextDouble()

  /** Plans the last tokens of `sequence`, from `first` on, as one block behind a cache of the others. */
  def last[A](
      strategy: ContextStrategy,
      sequence: Sequence,
      encoding: PositionEncoding,
      kernels: Kernels,
      first: Int,
      layer: Int = 0
  )(
      use: (PlanRequest, AttentionPlan) => A
  ): A = {
    val cache = sequence.emptyCache()
    val queries = sequence.queries(first, sequence.tokens)
    try {
      sequence.append(cache, 0, sequence.tokens)
      val request = new PlanRequest(layer, queries, cache.view(0), encoding, kernels)
      use(request, strategy.plan(request))
    } finally {
      queries.close()
      cache.close()
    }
  }

  /** (T, H*D) */
  def attend(
      request: PlanRequest,
      plan: AttentionPlan,
      scale: Double,
      taps: AttendTaps = AttendTaps.NONE
  ): Array[Float] = {
    val out = Tensor.allocate(request.queries.rows(), request.queries.shape().rowElements())
    request.kernels.attend(
      new AttendRequest(request.queries, request.cache, plan, request.encoding, scale, out, taps)
    )
    val values = out.toArray()
    out.close()
    values
  }

  /** The tokens that any segment holds for a group of heads that contains `head` of `heads`. */
  def seen(plan: AttentionPlan, head: Int, heads: Int): Set[Long] = {
    var rows = Set.empty[Long]
    plan.segments().forEach { segment =>
      val own: Rows = segment.rows()
      rows ++= own.toArray(head * own.groups() / heads)
    }
    rows
  }

  def largestDifference(a: Array[Float], b: Array[Float]): Double = {
    require(a.length == b.length)
    a.indices
      .map(i => if (a(i).isNaN || b(i).isNaN) Double.PositiveInfinity else math.abs(a(i) - b(i)).toDouble)
      .foldLeft(0.0)((x, y) => math.max(x, y))
  }
}
