package org.longform.kernels.attention

import org.longform.kernels.cache.Rows
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

class WindowPlanSuite extends AnyFunSuite {
  private val bands: Seq[Band] = Seq(
    new Band.Causal(),
    new Band.Near(1),
    new Band.Near(7),
    new Band.Near(Long.MaxValue),
    new Band.Far(0),
    new Band.Far(7),
    new Band.Between(3, 9),
    new Band.Between(0, Long.MaxValue)
  )

  private def plan(band: Band): AttentionPlan = AttentionPlan.of(
    Segment
      .of(Rows.range(0, 30), new KeyPositions.Contiguous(5), new QueryPositions.Shifted(-2), band)
      .forQueries(new QueryRange(3, 28))
      .withLogitScale(1.5)
  )

  for (band <- bands; window <- Seq(1L, 3L, 7L, 8L, 100L))
    test(s"$band within $window lets a query see what both let it see") {
      val segment = plan(band).within(window).segments().get(0)
      val shown = segment.rows().toArray(0).toSet
      for (query <- 0L until 30L; key <- 0L until 30L) {
        val wanted = band.allows(query, key) && key <= query && query - key < window
        assert((shown(key) && segment.band().allows(query, key)) === wanted, s"query $query, key $key")
      }
    }

  test("a segment keeps its place, positions, queries and gain") {
    val before = new AttentionPlan(
      java.util.Arrays.asList(
        plan(new Band.Far(50)).segments().get(0),
        plan(new Band.Causal()).segments().get(0)
      )
    ).withGain(new QueryGain.LogLength(64))
    val after = before.within(10)
    assert(after.segments().size() === 2)
    assert(after.gain() === before.gain())
    assert(after.segments().get(0).rows().maxCount() === 0)
    val kept = after.segments().get(1)
    assert(kept.rows().maxCount() === 30)
    assert(kept.keyPositions() === new KeyPositions.Contiguous(5))
    assert(kept.queryPositions() === new QueryPositions.Shifted(-2))
    assert(kept.queries() === new QueryRange(3, 28))
    assert(kept.logitScale() === 1.5)
  }

  test("a tree, whose rows have no distances, is refused with a sentence") {
    val refused = intercept[LongformException](plan(new Band.Tree(0, Array(Array(true)))).within(5))
    assert(refused.errorClass() === ErrorClass.INVALID_PLAN)
    assert(
      refused.getMessage ===
        "Cannot attend within a window of 5 tokens: the rows of a tree have no distances. Plan each row alone."
    )
  }
}
