package org.longform.kernels.device

import org.longform.kernels.attention._
import org.longform.kernels.cache.{KvCache, KvDType, KvView, Rows}
import org.longform.kernels.device.KernelCase.close
import org.longform.kernels.tensor.Tensor

import scala.collection.mutable

/** The sizes of an attention case: T tokens of H heads after `past` cached tokens. */
final case class Sizes(tokens: Int, past: Int, heads: Int, kvHeads: Int, headDim: Int) {
  def all: Int = past + tokens
}

/** What one device answered. */
final case class Attended(
    out: Array[Float],
    logSumExp: Array[Float],
    mass: Map[Long, Double],
    headMass: Map[(Int, Int, Long), Double]
)

/** A cache, queries and a plan, ready to run on any device.
  *
  * @param change
  *   what happens to the cache before the block is read, for example an eviction
  * @param spoiled
  *   tokens whose keys and values are NaN
  * @param dtype
  *   how the cache stores them; every device reads what is stored
  */
final class AttendSetup(
    val sizes: Sizes,
    encoding: PositionEncoding,
    scale: Double,
    plan: KvView => AttentionPlan,
    change: KvCache => Unit = _ => (),
    spoiled: Set[Int] = Set.empty,
    dtype: KvDType = KvDType.F32,
    softCap: Double = 0
) {
  private val width = sizes.heads * sizes.headDim

  private var expected = Option.empty[Attended]

  def stored(as: KvDType): AttendSetup =
    new AttendSetup(sizes, encoding, scale, plan, change, spoiled, as, softCap)

  /** Runs on one device with all taps. */
  def run(kernels: Kernels): Attended = {
    val draws = new Draws(sizes.hashCode().toLong)
    val cache = draws.cache(sizes.kvHeads, sizes.headDim, sizes.all, spoil(draws), dtype)
    val queries = draws.tensor(sizes.tokens, width)
    val out = Tensor.allocate(sizes.tokens.toLong, width.toLong)
    val lse = Tensor.allocate(sizes.tokens.toLong, sizes.heads.toLong)
    val mass = mutable.Map.empty[Long, Double].withDefaultValue(0.0)
    val headMass = mutable.Map.empty[(Int, Int, Long), Double].withDefaultValue(0.0)
    try {
      change(cache)
      val view = cache.view(0)
      val taps = AttendTaps.NONE
        .withLogSumExp(lse)
        .withColumnMass((row: Long, some: Float) => mass(row) += some)
      kernels.attend(new AttendRequest(queries, view, plan(view), encoding, scale, softCap, out, taps))
      // what is reported for each head is summed for who wants the sum: that is another way through a device
      if (sizes.all < 400) {
        val ofHeads =
          AttendTaps.NONE.withHeadMass((segment, head, row, some) => headMass((segment, head, row)) += some)
        kernels.attend(new AttendRequest(queries, view, plan(view), encoding, scale, softCap, out, ofHeads))
      }
      Attended(out.toArray, lse.toArray, mass.toMap, headMass.toMap)
    } finally {
      lse.close()
      out.close()
      queries.close()
      cache.close()
    }
  }

  /** Keys and values of the spoiled tokens are not numbers. */
  private def spoil(draws: Draws)(count: Int): Array[Float] = {
    val drawn = draws.uniform(count)
    val rowWidth = sizes.kvHeads * sizes.headDim
    for (token <- spoiled; i <- 0 until rowWidth) drawn(token * rowWidth + i) = Float.NaN
    drawn
  }

  /** The slow reference runs once, however many devices are compared with it. */
  def compare(reference: Kernels, device: Kernels, tolerance: Double): Attended = {
    val right = expected.getOrElse(run(reference))
    expected = Some(right)
    val found = run(device)
    close("out", found.out, right.out, tolerance)
    close("log-sum-exp", found.logSumExp, right.logSumExp, tolerance * 10)
    for (row <- right.mass.keySet ++ found.mass.keySet) {
      val (a, b) = (found.mass.getOrElse(row, 0.0), right.mass.getOrElse(row, 0.0))
      assert(
        math.abs(a - b) <= tolerance * sizes.heads * sizes.tokens,
        s"mass of token $row: $a, expected $b"
      )
    }
    for (place <- right.headMass.keySet ++ found.headMass.keySet) {
      val (a, b) = (found.headMass.getOrElse(place, 0.0), right.headMass.getOrElse(place, 0.0))
      assert(
        math.abs(a - b) <= tolerance * sizes.tokens,
        s"mass of (segment, head, token) $place: $a, expected $b"
      )
    }
    found
  }
}

object AttendSetup {
  val TRUE_KEYS = new KeyPositions.True()
  val TRUE_QUERIES = new QueryPositions.True()
  val CAUSAL = new Band.Causal()

  def causal(view: KvView): AttentionPlan =
    AttentionPlan.of(Segment.of(view.held(), TRUE_KEYS, TRUE_QUERIES, CAUSAL))

  def segment(rows: Rows, band: Band): Segment = Segment.of(rows, TRUE_KEYS, TRUE_QUERIES, band)

  def rope(headDim: Int): PositionEncoding = PositionEncoding.Rope.plain(headDim, 10000)
}
