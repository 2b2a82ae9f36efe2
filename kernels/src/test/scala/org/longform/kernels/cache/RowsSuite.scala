package org.longform.kernels.cache

import java.util.Random

import org.longform.kernels.tensor.Memory
import org.scalatest.funsuite.AnyFunSuite

/** Rows against plain sets of numbers. */
class RowsSuite extends AnyFunSuite {
  private val SEED = 20240611L

  private def randomSet(random: Random, limit: Int): Seq[Long] =
    (0 until limit).filter(_ => random.nextInt(3) != 0).map(_.toLong)

  private def forRandomSets(body: (Random, Seq[Long], Rows) => Unit): Unit = {
    val random = new Random(SEED)
    for (round <- 0 until 300) {
      val set = randomSet(random, random.nextInt(40))
      withClue(s"seed $SEED, round $round, ${set.mkString(" ")}: ") {
        body(random, set, Rows.of(set: _*))
      }
    }
  }

  test("a list has the tokens it was made of, in joined ranges") {
    forRandomSets { (_, set, rows) =>
      assert(rows.toArray(0).toSeq == set)
      assert(rows.count(0) == set.size && rows.maxCount() == set.size)
      assert(rows.isEmpty == set.isEmpty)
      val starts = set.filterNot(i => set.contains(i - 1))
      assert(rows.ranges(0) == starts.size)
      assert((0 until rows.ranges(0)).map(rows.start(0, _)) == starts)
      for (i <- 1 until rows.ranges(0)) assert(rows.start(0, i) > rows.end(0, i - 1))
    }
  }

  test("contains and containsRange agree with the set") {
    forRandomSets { (_, set, rows) =>
      for (from <- 0L to 41L) {
        assert(rows.contains(0, from) == set.contains(from))
        for (to <- from to 42L) {
          assert(rows.containsRange(0, from, to) == (from until to).forall(set.contains), s"$from $to")
        }
      }
    }
  }

  test("clip and filter agree with the set") {
    forRandomSets { (random, set, rows) =>
      val from = random.nextInt(45).toLong
      val to = random.nextInt(45).toLong
      assert(rows.clip(from, to) == Rows.of(set.filter(i => i >= from && i < to): _*))
      assert(rows.filter((i: Long) => i % 3 == 1) == Rows.of(set.filter(_ % 3 == 1): _*))
    }
  }

  test("ranges and single tokens make equal lists") {
    forRandomSets { (_, set, rows) =>
      val builder = Rows.builder()
      for (i <- 0 until rows.ranges(0)) builder.range(rows.start(0, i), rows.end(0, i))
      val built = builder.build()
      assert(built == rows && built.hashCode() == rows.hashCode() && built.toString == rows.toString)
    }
    assert(Rows.of() == Rows.none() && Rows.range(5, 5) == Rows.none())
    assert(Rows.range(5, 9) == Rows.of(5, 6, 7, 8))
  }

  test("each group has its own list") {
    val random = new Random(SEED)
    for (_ <- 0 until 100) {
      val sets = Seq.fill(1 + random.nextInt(5))(randomSet(random, 20))
      val builder = Rows.builder()
      sets.foreach(set => builder.group(set: _*))
      val rows = builder.build()
      assert(rows.groups() == sets.size)
      for ((set, g) <- sets.zipWithIndex) {
        assert(rows.toArray(g).toSeq == set)
        for (i <- 0L to 20L) assert(rows.contains(g, i) == set.contains(i))
      }
      assert(rows.maxCount() == sets.map(_.size).max)
    }
  }

  test("lists of different groups are different, also with the same ranges") {
    val one = Rows.builder().range(0, 2).endGroup().range(3, 4).endGroup().build()
    val other = Rows.builder().range(0, 2).range(3, 4).endGroup().endGroup().build()
    assert(one != other && one != Rows.of(0, 1, 3))
  }

  test("unsorted, overlapping and negative tokens are refused") {
    assert(
      intercept[IllegalArgumentException](Rows.of(3, 2)).getMessage ==
        "Cannot select tokens 2 to 3 after 4: rows must be sorted and disjoint."
    )
    intercept[IllegalArgumentException](Rows.of(3, 3))
    intercept[IllegalArgumentException](Rows.builder().range(0, 5).range(4, 6))
    assert(
      intercept[IllegalArgumentException](Rows.range(-1, 2)).getMessage ==
        "Cannot select token -1: it is negative."
    )
    intercept[IllegalArgumentException](Rows.builder().range(-3, 2))
  }

  test("tokens beyond 2^31 are kept as they are") {
    val rows = Rows.range(200000000000L, 200000000002L)
    assert(rows.toArray(0).toSeq == Seq(200000000000L, 200000000001L))
    assert(rows.toString == "Rows{200000000000..200000000002}")
  }

  test("appending gives the list that would be built, and leaves the old one as it was") {
    forRandomSets { (random, set, rows) =>
      val end = if (set.isEmpty) 0L else set.max + 1
      val from = end + random.nextInt(3)
      val copy = Rows.of(set: _*)
      assert(rows.append(from, from + 5) == Rows.of(set ++ (from until from + 5): _*))
      assert(rows == copy)
      if (end > 0) intercept[IllegalArgumentException](rows.append(end - 1, end + 5))
      intercept[IllegalArgumentException](rows.append(end, end))
    }
  }

  private def choice(rows: Rows, first: Long, end: Long): (RowChoice, () => (Int, Boolean)) = {
    var asked = 0
    var closed = false
    val chosen = new RowChoice {
      override def from(): Long = first
      override def to(): Long = end
      override def told(): Rows = { asked += 1; rows }
      override def count(target: Memory, offset: Long): Unit = target.putLong(offset, rows.count(0))
      override def close(): Unit = closed = true
    }
    (chosen, () => (asked, closed))
  }

  test("chosen rows are asked for once, when somebody wants to know them") {
    val (chosen, state) = choice(Rows.of(5, 6, 9), 4, 12)
    val rows = Rows
      .chosen(chosen)
      .between(Rows.range(0, 3), Rows.range(12, 14))
      .between(Rows.none(), Rows.range(15, 16))
    assert(rows.groups() == 1 && rows.untold().get().known() == 6)
    assert(rows.outline() == Rows.builder().range(0, 3).range(4, 14).range(15, 16).build())
    assert(state() == ((0, false)))
    assert(rows.toArray(0).toSeq == Seq(0, 1, 2, 5, 6, 9, 12, 13, 15))
    assert(rows.count(0) == 9 && rows.contains(0, 9) && !rows.untold().isPresent && (rows.outline() eq rows))
    assert(rows == Rows.of(0, 1, 2, 5, 6, 9, 12, 13, 15) && rows.toString.contains("5..7"))
    assert(state() == ((1, false)))
    rows.close()
    assert(state() == ((1, true)))
  }

  test("known rows stand between others as if they were built so") {
    forRandomSets { (_, set, rows) =>
      val all = rows.between(Rows.none(), Rows.range(40, 42))
      assert(all == Rows.of(set ++ Seq(40L, 41L): _*) && !all.untold().isPresent)
      all.close()
    }
    intercept[IllegalArgumentException](Rows.range(3, 5).between(Rows.range(0, 4), Rows.none()))
  }
}
