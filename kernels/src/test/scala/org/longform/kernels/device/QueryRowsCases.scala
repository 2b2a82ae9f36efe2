package org.longform.kernels.device

import org.longform.kernels.attention._
import org.longform.kernels.cache.{KvDType, KvView, Rows}
import org.longform.kernels.device.AttendSetup._
import org.scalatest.Assertions._

import scala.collection.mutable

/** What few queries make of the tokens they see: a device with a faster way has to agree. */
object QueryRowsCases {
  private type Told = Map[(Int, Long), Seq[(Long, Double)]]
  private type Operation = (Kernels, QueryRowsRequest, QueryAttention) => Unit

  private val operations: Seq[(String, Operation)] = Seq(
    "logits" -> ((kernels, request, target) => kernels.logits(request, target)),
    "probabilities" -> ((kernels, request, target) => kernels.probabilities(request, target))
  )

  private val sizes = Sizes(9, 200, 6, 2, 16)

  private val plans: Seq[(String, KvView => AttentionPlan)] = Seq(
    "causal" -> causal _,
    "near a band" -> (view => AttentionPlan.of(segment(view.held(), new Band.Near(40)))),
    "lists of each key/value head" -> (_ =>
      AttentionPlan.of(
        segment(Rows.builder().range(0, 90).endGroup().range(100, 209).endGroup().build(), CAUSAL)
      )
    )
  )

  private def tell(
      kernels: Kernels,
      operation: Operation,
      plan: KvView => AttentionPlan,
      dtype: KvDType
  ): Told = {
    val draws = new Draws(sizes.hashCode().toLong)
    val cache = draws.cache(sizes.kvHeads, sizes.headDim, sizes.all, draws.uniform(_), dtype)
    val queries = draws.tensor(sizes.tokens, sizes.heads * sizes.headDim)
    try {
      val view = cache.view(0)
      val told = mutable.Map.empty[(Int, Long), Seq[(Long, Double)]]
      operation(
        kernels,
        new QueryRowsRequest(queries, view, plan(view), rope(sizes.headDim), 0.25, new QueryRange(205, 209)),
        (head: Int, row: Long, rows: Array[Long], values: Array[Double]) =>
          told((head, row)) = rows.toSeq.zip(values)
      )
      told.toMap
    } finally {
      queries.close()
      cache.close()
    }
  }

  val ALL: Seq[KernelCase] = for {
    (name, operation) <- operations
    (what, plan) <- plans
    dtype <- KvDType.values().toSeq
  } yield KernelCase(name, s"4 queries, $what, cache $dtype") { (reference, device) =>
    val right = tell(reference, operation, plan, dtype)
    val found = tell(device, operation, plan, dtype)
    assert(right.size == 24 && found.keySet == right.keySet)
    for ((asked, expected) <- right) {
      assert(found(asked).map(_._1) == expected.map(_._1))
      for (((_, a), (_, b)) <- found(asked).zip(expected)) assert(math.abs(a - b) <= Tolerances.ATTENTION)
    }
  }
}
