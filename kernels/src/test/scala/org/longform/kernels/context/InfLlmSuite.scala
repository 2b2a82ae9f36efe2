package org.longform.kernels.context

import org.longform.kernels.attention.PositionEncoding
import org.longform.kernels.device.Devices
import org.longform.kernels.error.LongformException
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** InfLLM against its specification and the dense oracle. */
class InfLlmSuite extends AnyFunSuite {
  private val limits = new ModelLimits(1 << 20, 8)
  private val rope = PositionEncoding.Rope.plain(8, 10000)
  private val devices =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).map(d => d.name() -> d.open(1)).toMap

  private def strategy(naive: NaiveInfLlm): ContextStrategy = ContextStrategies.create(
    "infllm",
    Map(
      "global-size" -> naive.global,
      "local-size" -> naive.local,
      "unit-size" -> naive.unit,
      "units-seen" -> naive.seen,
      "representative-tokens" -> naive.representatives,
      "chosen-by" -> (if (naive.eachHead) "head" else "block")
    ).map { case (key, value) => key -> value.toString }.asJava,
    limits
  )

  private def read(strategy: ContextStrategy, s: Sequence, ends: Seq[Int], device: String = "reference") = {
    val reading = new Reading(strategy, s, rope, devices(device))
    try reading.blocks(ends)
    finally reading.close()
  }

  private def blocks(random: Random, tokens: Int, largest: Int): Seq[Int] =
    Iterator
      .iterate(0)(end => math.min(tokens, end + 1 + random.nextInt(largest)))
      .takeWhile(_ < tokens)
      .drop(1)
      .toSeq :+ tokens

  test("InfLLM follows its specification block by block, for any groups of heads, on every device") {
    for (seed <- 1L to 12L) {
      val random = new Random(seed)
      val naive = NaiveInfLlm(
        global = random.nextInt(4),
        local = 6 + random.nextInt(10),
        unit = 1 + random.nextInt(6),
        seen = random.nextInt(4),
        representatives = 1 + random.nextInt(4),
        eachHead = seed % 3 == 0
      )
      val s = Sequence.random(seed, 80, 4, Seq(1, 2, 4)(seed.toInt % 3), 8)
      val ends = blocks(random, 80, 9)
      val expected = DenseOracle.attend(s, rope, 0 until 80, naive.read(s, rope, ends)._1)
      for (device <- devices.keys) {
        val actual = read(strategy(naive), s, ends, device)
        assert(
          Reading.largestDifference(expected, actual) < (if (device == "reference") 2e-5 else 1e-4),
          s"seed $seed on $device, $naive, blocks $ends"
        )
      }
    }
  }

  test("with room for all units every token is seen, none further than the window, whatever the blocks") {
    for (seed <- 1L to 6L) {
      val random = new Random(seed)
      val naive = NaiveInfLlm(random.nextInt(5), 8, 1 + random.nextInt(5), 1000, 2, seed % 2 == 0)
      val s = Sequence.random(seed, 70, 4, 2, 8)
      val clamped: DenseOracle.Distance =
        (_, i, j) => if (j > i) DenseOracle.Masked else math.min(i - j, naive.local - 1)
      val expected = DenseOracle.attend(s, rope, 0 until 70, clamped)
      for (ends <- Seq(1 to 70, Seq(70), Seq(69, 70), blocks(random, 70, 20)))
        assert(Reading.largestDifference(expected, read(strategy(naive), s, ends)) < 2e-5, s"blocks $ends")
    }
  }

  test("what tokens got while they were near is at most one for each query and head") {
    val naive = NaiveInfLlm(2, 10, 4, 2, 3, eachHead = false)
    val s = Sequence.random(4, 60, 4, 2, 8)
    val (_, received) = naive.read(s, rope, 10 to 60 by 10)
    assert(received.forall(_.sum <= 60) && received.forall(_.sum > 30))
  }

  test("a block that was planned twice counts once") {
    val naive = NaiveInfLlm(1, 8, 3, 2, 2, eachHead = false)
    val s = Sequence.random(9, 80, 4, 2, 8)
    val ends = 8 to 80 by 8
    val repeating = new ContextStrategy {
      private val inner = strategy(naive)
      override def nextChunk(read: Long, promptTokens: Long): Int = 8
      override def questionChunk(): Int = 8
      override def plan(request: PlanRequest) = {
        // as after a failure: the plan, its attention, and all of it again
        val plan = inner.plan(request)
        val watching = org.longform.kernels.device.AttendTaps.NONE.withHeadMass(inner.watch(0).get)
        Reading.attend(request, plan, s.scale, watching)
        inner.plan(request)
      }
      override def watch(layer: Int) = inner.watch(layer)
      override def retain(held: org.longform.kernels.cache.Rows, length: Long) = inner.retain(held, length)
    }
    assert(Reading.largestDifference(read(strategy(naive), s, ends), read(repeating, s, ends)) == 0)
  }

  test("a fork learns on its own") {
    val naive = NaiveInfLlm(1, 8, 3, 2, 2, eachHead = false)
    val s = Sequence.random(10, 80, 4, 2, 8)
    val ends = 8 to 80 by 8
    val expected = read(strategy(naive), s, ends)
    val original = strategy(naive)
    read(original, s.take(40), ends.take(5))
    val fork = original.fork()
    // the original goes on elsewhere
    read(original, Sequence.random(11, 80, 4, 2, 8), ends)
    val reading = new Reading(fork, s, rope, devices("reference"))
    try {
      s.append(reading.cache, 0, 40)
      reading.cache.commit()
      val actual = reading.blocks(ends.drop(5)).drop(40 * 32)
      assert(Reading.largestDifference(expected.drop(40 * 32), actual) == 0)
    } finally reading.close()
  }

  test("a window longer than the trained one is refused") {
    val error = intercept[LongformException](
      ContextStrategies.create("infllm", Map("local-size" -> "600").asJava, new ModelLimits(512, 4))
    )
    assert(
      error.getMessage ==
        "Cannot use context 'infllm': local-size 600 exceeds the 512 tokens the model was trained on. Lower it."
    )
  }
}
