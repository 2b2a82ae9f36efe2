package org.longform.kernels.device

import org.longform.kernels.attention._
import org.longform.kernels.cache.{KvView, Rows}
import org.longform.kernels.context.{DenseOracle, Sequence}
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable

/** Single queries against all they see, compared with logits that are written without any rotation. */
class QueryRowsSuite extends AnyFunSuite {
  private val kernels = new ReferenceDevice().open(1)
  private val sequence = Sequence.random(5, 150, 6, 2, 16)
  private val rope = PositionEncoding.Rope.plain(16, 10000)
  private val alibi = new PositionEncoding.Alibi(Array(0.5, 0.25, 0.125, 0.0625, 0.03, 0.01))
  private val first = 140

  /** (head, query) to the values of the tokens it sees. */
  private type Told = Map[(Int, Long), Map[Long, Double]]

  private def told(
      encoding: PositionEncoding,
      plan: KvView => AttentionPlan,
      asking: QueryRange,
      ask: (QueryRowsRequest, QueryAttention) => Unit
  ): Told = {
    val cache = sequence.emptyCache()
    val queries = sequence.queries(first, sequence.tokens)
    try {
      sequence.append(cache, 0, sequence.tokens)
      val found = mutable.Map.empty[(Int, Long), Map[Long, Double]]
      val view = cache.view(0)
      ask(
        new QueryRowsRequest(queries, view, plan(view), encoding, sequence.scale, asking),
        (head: Int, row: Long, rows: Array[Long], values: Array[Double]) => {
          assert(rows.length == values.length && !found.contains((head, row)))
          found((head, row)) = rows.zip(values).toMap
          assert(found((head, row)).size == rows.length, "a token twice")
        }
      )
      found.toMap
    } finally {
      queries.close()
      cache.close()
    }
  }

  /** The logit of one pair at the distance of its positions. */
  private def logit(encoding: PositionEncoding, head: Int, query: Long, key: Long, distance: Double) = {
    val q = sequence.query(head, query.toInt)
    val k = sequence.key(sequence.kvHead(head), key.toInt)
    val bias = encoding match {
      case biased: PositionEncoding.Alibi => biased.slopes()(head) * distance
      case _                              => 0.0
    }
    DenseOracle.logit(encoding, head, q, k, distance) * sequence.scale - bias
  }

  private def check(name: String, encoding: PositionEncoding, plan: KvView => AttentionPlan)(
      sees: (Int, Long, Long) => Option[Double]
  ): Unit = test(name) {
    val asking = new QueryRange(143, 149)
    val logits = told(encoding, plan, asking, kernels.logits(_, _))
    val probabilities = told(encoding, plan, asking, kernels.probabilities(_, _))
    assert(logits.keySet == (for (h <- 0 until 6; row <- 143L until 149L) yield (h, row)).toSet)
    for (((head, query), found) <- logits) {
      val expected =
        (0L until 150L).flatMap(key => sees(head, query, key).map(key -> _)).toMap
      assert(found.keySet == expected.keySet)
      val largest = expected.values.max
      val sum = expected.values.map(x => math.exp(x - largest)).sum
      for ((key, right) <- expected) {
        assert(math.abs(found(key) - right) < 1e-5, s"logit of $key for ($head, $query)")
        val probability = probabilities((head, query))(key)
        assert(math.abs(probability - math.exp(right - largest) / sum) < 1e-6)
      }
      assert(math.abs(probabilities((head, query)).values.sum - 1) < 1e-12)
    }
  }

  private val trueKeys = new KeyPositions.True()
  private val trueQueries = new QueryPositions.True()

  for ((name, encoding) <- Seq("rotary positions" -> rope, "linear biases" -> alibi))
    check(s"causal attention with $name", encoding, AttendSetup.causal) { (head, query, key) =>
      if (key <= query) Some(logit(encoding, head, query, key, (query - key).toDouble)) else None
    }

  check(
    "near and far, a gain, and positions for each head",
    rope,
    _ => {
      val scales = HeadScales.of(1, 0.9, 0.8, 0.7, 0.6, 0.5)
      AttentionPlan.of(
        Segment.of(Rows.range(30, 150), trueKeys, trueQueries, new Band.Near(20)).withHeadScales(scales),
        Segment
          .of(
            Rows.range(0, 4),
            new KeyPositions.Constant(0),
            new QueryPositions.Constant(20),
            new Band.Far(20)
          )
          .withLogitScale(1.25)
      )
    }
  ) { (head, query, key) =>
    val scale = 1 - head / 10.0
    if (key <= query && query - key < 20) Some(logit(rope, head, query, key, (query - key) * scale))
    else if (key < 4) Some(1.25 * logit(rope, head, query, key, 20))
    else None
  }

  check(
    "a list for each key/value head at listed positions",
    rope,
    _ => {
      val rows = Rows.builder().range(0, 10).range(141, 150).endGroup().range(50, 150).endGroup().build()
      AttentionPlan.of(
        Segment.of(
          rows,
          new KeyPositions.Listed(0, Array.tabulate(150)(i => (i % 40).toDouble)),
          new QueryPositions.Listed(140, Array.tabulate(10)(i => 60.0 + i)),
          new Band.Causal()
        )
      )
    }
  ) { (head, query, key) =>
    val inList = if (head < 3) key < 10 || key >= 141 else key >= 50
    if (key <= query && inList) Some(logit(rope, head, query, key, 60.0 + query - 140 - key % 40)) else None
  }

  test("lists of positions that are too short are refused with their length") {
    def refusal(keys: KeyPositions, queries: QueryPositions): String = {
      val error = intercept[LongformException](
        told(
          rope,
          view => AttentionPlan.of(Segment.of(view.held(), keys, queries, new Band.Causal())),
          QueryRange.ALL,
          kernels.logits(_, _)
        )
      )
      assert(error.errorClass() == ErrorClass.INVALID_PLAN)
      error.getMessage
    }
    assert(
      refusal(new KeyPositions.Listed(1, new Array(200)), trueQueries)
        .contains("segment 0 selects tokens 0 to 150, but has positions for 200 from 1 on")
    )
    assert(
      refusal(trueKeys, new QueryPositions.Listed(140, new Array(9)))
        .contains("segment 0 is for queries 140 to 150, but has positions for 9 from 140 on")
    )
  }
}
