package org.longform.kernels.context

import org.longform.kernels.attention.PositionEncoding
import org.longform.kernels.device.{CountingKernels, Devices}
import org.longform.kernels.error.LongformException
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** InfiniteHiP against its specification and the dense oracle. */
class InfiniteHipSuite extends AnyFunSuite {
  private val limits = new ModelLimits(1 << 20, 8)
  private val rope = PositionEncoding.Rope.plain(8, 10000)
  private val devices =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).map(d => d.name() -> d.open(1)).toMap
  private val causal: DenseOracle.Distance = (_, i, j) => if (j > i) DenseOracle.Masked else i - j

  private def strategy(naive: NaiveHip, more: (String, Any)*): ContextStrategy = ContextStrategies.create(
    "infinite-hip",
    (Map[String, Any](
      "global-size" -> naive.global,
      "local-size" -> naive.local,
      "early-layers" -> 0,
      "indexed-layers" -> (if (naive.indexed) 1 else 0),
      "probe" -> (if (naive.first) "first" else "middle"),
      "chosen-by" -> (if (naive.eachHead) "head" else "block")
    ) ++ Seq("first", "second", "third").zip(naive.stages).flatMap { case (name, (chunk, keep, refresh, _)) =>
      Seq(s"$name-chunk" -> chunk, s"$name-keep" -> keep, s"$name-refresh" -> refresh)
    } ++ more).map { case (key, value) => key -> value.toString }.asJava,
    limits
  )

  private def read(
      strategy: ContextStrategy,
      s: Sequence,
      ends: Seq[Int],
      device: String = "reference",
      layer: Int = 0
  ) = {
    val reading = new Reading(strategy, s, rope, devices(device), layer)
    try reading.blocks(ends)
    finally reading.close()
  }

  private def blocks(random: Random, tokens: Int, largest: Int): Seq[Int] =
    Iterator
      .iterate(0)(end => math.min(tokens, end + 1 + random.nextInt(largest)))
      .takeWhile(_ < tokens)
      .drop(1)
      .toSeq :+ tokens

  test("InfiniteHiP follows its specification, with single tokens after blocks, for any groups of heads") {
    for (seed <- 1L to 16L) {
      val random = new Random(seed)
      val third = 2 + random.nextInt(2)
      val second = third * (1 + random.nextInt(2))
      val coarse = second * (1 + random.nextInt(3))
      val naive = NaiveHip(
        global = random.nextInt(4),
        local = 1 + random.nextInt(12),
        stages = Seq(
          (coarse, coarse * (1 + random.nextInt(3)), 1 + random.nextInt(5), 4),
          (second, second * (1 + random.nextInt(3)), 1 + random.nextInt(3), 4),
          (third, third * (1 + random.nextInt(3)), 1 + random.nextInt(2), 1)
        ),
        eachHead = random.nextBoolean(),
        indexed = random.nextBoolean(),
        first = random.nextBoolean()
      )
      val s = Sequence.random(seed, 110, 4, Seq(1, 2, 4)(seed.toInt % 3), 8)
      val ends = blocks(random, 80, 12) ++ (81 to 100) ++ Seq(107, 108, 109, 110)
      val seen = naive.read(s, rope, ends)
      assert((0 until 4).forall(head => seen((head, 109)).size < 110))
      val expected =
        DenseOracle.attend(s, rope, 0 until 110, (head, i, j) => DenseOracle.packed(seen((head, i)), i, j))
      for (device <- devices.keys)
        assert(
          Reading.largestDifference(expected, read(strategy(naive), s, ends, device)) <
            (if (device == "reference") 2e-5 else 1e-4),
          s"seed $seed on $device, $naive, blocks $ends"
        )
    }
  }

  private def wide(keep: Int, refresh: Int = 1) =
    NaiveHip(
      2,
      10,
      Seq((8, keep, refresh, 4), (4, keep, refresh, 4), (2, keep, refresh, 1)),
      eachHead = true,
      indexed = false,
      first = false
    )

  test("with room for all chunks it is full attention, whatever the blocks") {
    val s = Sequence.random(1, 90, 4, 2, 8)
    val expected = DenseOracle.attend(s, rope, 0 until 90, causal)
    for (ends <- Seq(1 to 90, 10 to 90 by 10, blocks(new Random(2), 90, 20)))
      assert(Reading.largestDifference(expected, read(strategy(wide(80)), s, ends)) < 2e-5, s"blocks $ends")
  }

  test("what is found is causal, without duplicates, whole chunks, and not more than asked for") {
    val s = Sequence.random(3, 200, 4, 2, 8)
    val reading = new Reading(strategy(wide(16)), s, rope, devices("nd4j"))
    try
      for (end <- 10 to 200 by 10) reading.watched(end) { (request, plan) =>
        val rows = plan.segments().get(0).rows()
        for (group <- 0 until rows.groups()) {
          val selected = rows.toArray(group).filter(row => row >= 2 && row < request.firstRow() - 10 - 7)
          assert(selected.length <= 16 && selected.distinct.length == selected.length)
        }
        assert(plan.segments().size() == 1)
      }
    finally reading.close()
  }

  test(
    "a chunk is judged by its best key where scores rise and fall once, and always where it has two keys"
  ) {
    val random = new Random(5)
    for (length <- Seq(2, 8, 13, 16); peak <- Seq(0, 1, length / 2, length - 1)) {
      // one head, no rotation: a key's score is its first number
      val chunks = 6
      val tops = Seq.fill(chunks)(random.nextDouble())
      val keys = (0 until chunks).flatMap { c =>
        (0 until length).map(i =>
          if (length == 2) random.nextDouble() else tops(c) - math.abs(i - peak) * 0.01
        )
      }
      val tokens = keys.size + length + 1
      def line(x: Double) = Array(x.toFloat, 0f)
      val k = (keys ++ Seq.fill(length + 1)(0.0)).flatMap(line).toArray
      val s = Sequence(1, 1, 2, Array.fill(tokens)(Array(1f, 0f)).flatten, k, k)
      val still = new PositionEncoding.Alibi(Array(0.0))
      val naive =
        NaiveHip(
          0,
          length,
          Seq((length, 2 * length, 1, 4), (length, 2 * length, 1, 4), (length, 2 * length, 1, 1)),
          eachHead = true,
          indexed = false,
          first = false
        )
      val best = (0 until chunks).sortBy(c => -keys.slice(c * length, (c + 1) * length).max).take(2).sorted
      val rows = Reading.last(strategy(naive), s, still, devices("reference"), tokens - 1)((_, plan) =>
        plan.segments().get(0).rows().toArray(0).toSeq
      )
      assert(
        rows.take(2 * length) == best.flatMap(c => (c * length until (c + 1) * length).map(_.toLong)),
        s"chunks of $length, peak at $peak"
      )
    }
  }

  test("a generated token searches only the stages that are due") {
    val s = Sequence.random(6, 130, 4, 2, 8)
    def searches(refresh: Int): Seq[Long] = {
      val counting = new CountingKernels(devices("reference"))
      val naive = wide(16).copy(stages = Seq((8, 32, refresh * 2, 4), (4, 24, refresh, 4), (2, 16, 1, 1)))
      val reading = new Reading(strategy(naive), s, rope, counting.kernels)
      try {
        reading.block(120)
        (121 to 130).map { end =>
          val before = counting.count("keyScores")
          reading.block(end)
          counting.count("keyScores") - before
        }
      } finally reading.close()
    }
    // two probes for each halving: three of 8 tokens, two of 4, one of 2
    assert(searches(1) == Seq.fill(5)(Seq(12L, 6L)).flatten)
    assert(searches(4) == Seq(12, 2, 2, 2, 6, 2, 2, 2, 12, 2))
  }

  test("the more is kept, the more of the true attention is found") {
    val s = Sequence.random(7, 400, 4, 2, 8)
    // without rotation a key matches alike while it is probed and when it is seen
    val still = new PositionEncoding.Alibi(new Array(4))
    val mass = Seq(16, 64, 160).map { keep =>
      val rows = Reading.last(strategy(wide(keep)), s, still, devices("nd4j"), 399)((_, plan) =>
        plan.segments().get(0).rows()
      )
      (0 until 4).map { head =>
        val seen = rows.toArray(head * rows.groups() / 4).map(_.toInt).toSet
        DenseOracle.weights(s, still, head, 399, causal).filter(w => seen(w._1)).map(_._2).sum
      }.sum / 4
    }
    assert(mass(0) < mass(1) && mass(1) < mass(2) && mass(2) > 0.5, mass)
  }

  test("how long a search serves shrinks with the trained window, as the sizes do") {
    def defaults(window: Long): Seq[Long] = {
      val factory = ContextStrategies.byName("infinite-hip")
      val values = ParameterValues.resolve(
        "infinite-hip",
        factory.parameters(),
        java.util.Map.of[String, String](),
        new ModelLimits(window, 4),
        TextTokens.ESTIMATE
      )
      for (what <- Seq("refresh", "chunk"); stage <- Seq("first", "second", "third"))
        yield values.integer(s"$stage-$what")
    }
    assert(defaults(512) == Seq(1, 1, 1, 16, 4, 2))
    assert(defaults(4096) == Seq(8, 4, 2, 128, 16, 4))
    for (window <- Seq(8192L, 131072L)) assert(defaults(window) == Seq(16, 8, 4, 256, 32, 8))
  }

  test("sizes that do not go together are refused") {
    def refusal(values: (String, String)*) = intercept[LongformException](
      ContextStrategies.create("infinite-hip", values.toMap.asJava, new ModelLimits(512, 4))
    ).getMessage
    assert(
      refusal("first-chunk" -> "18") ==
        "Cannot use context 'infinite-hip': first-chunk 18 is no multiple of second-chunk 4. Change one of them."
    )
    assert(
      refusal("third-keep" -> "500").contains(
        "third-keep 500, early-keep 256, a chunk of first-chunk 16 and one of chunk-size 64 need 659 positions, the model was trained on 512. Lower one of them."
      )
    )
  }
}
