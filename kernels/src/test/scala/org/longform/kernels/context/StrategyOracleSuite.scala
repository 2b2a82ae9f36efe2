package org.longform.kernels.context

import org.longform.kernels.attention.PositionEncoding
import org.longform.kernels.device.CountingKernels
import org.longform.kernels.device.reference.ReferenceDevice
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** Every strategy, through its plans, against the dense oracle. */
class StrategyOracleSuite extends AnyFunSuite {
  private val kernels = new ReferenceDevice().open(1)
  private val limits = new ModelLimits(1 << 20, 8)
  private val rope = PositionEncoding.Rope.plain(8, 10000)
  private val alibi = new PositionEncoding.Alibi(Array(0.5, 0.25, 0.125, 0.0625))

  private def strategy(name: String, values: (String, Any)*): ContextStrategy =
    ContextStrategies.create(name, values.map { case (k, v) => k -> v.toString }.toMap.asJava, limits)

  private def sequence(seed: Long, tokens: Int): Sequence = Sequence.random(seed, tokens, 4, 2, 8)

  private def read(
      strategy: ContextStrategy,
      sequence: Sequence,
      encoding: PositionEncoding,
      ends: Seq[Int],
      layer: Int = 0
  ): Array[Float] = {
    val reading = new Reading(strategy, sequence, encoding, kernels, layer)
    try reading.blocks(ends)
    finally reading.close()
  }

  private def randomEnds(random: Random, tokens: Int, largest: Int): Seq[Int] =
    Iterator
      .iterate(0)(end => math.min(tokens, end + 1 + random.nextInt(largest)))
      .takeWhile(_ < tokens)
      .drop(1)
      .toSeq :+ tokens

  private def assertSame(expected: Array[Float], actual: Array[Float], clue: String): Unit =
    assert(Reading.largestDifference(expected, actual) < 2e-5, clue)

  test("full attention is causal attention at true distances") {
    for ((encoding, seed) <- Seq(rope, alibi).zip(1L to 2L)) {
      val s = sequence(seed, 40)
      val expected =
        DenseOracle.attend(s, encoding, 0 until 40, (_, i, j) => if (j > i) Double.NaN else i - j)
      assertSame(expected, read(strategy("full"), s, encoding, Seq(7, 20, 21, 40)), s"seed $seed")
    }
  }

  test("streaming sees sinks and window at packed positions, however the text is cut") {
    for (seed <- 1L to 12L) {
      val random = new Random(seed)
      val global = random.nextInt(5)
      val local = 1 + random.nextInt(12)
      val s = sequence(seed, 60)
      val ends = randomEnds(random, 60, 20)
      val expected = DenseOracle.attend(s, rope, 0 until 60, NaiveStreaming(global, local).distances)
      val actual = read(strategy("streaming", "global-size" -> global, "local-size" -> local), s, rope, ends)
      assertSame(expected, actual, s"seed $seed, $global sinks, window $local, blocks $ends")
    }
  }

  test("LM-Infinite sees a window at true distances and the sinks below a ceiling, however the text is cut") {
    for (seed <- 1L to 16L) {
      val random = new Random(seed)
      val global = random.nextInt(16)
      val local = 1 + random.nextInt(12)
      val limit = if (seed % 2 == 0) 0 else local + random.nextInt(6)
      val ceiling = if (limit == 0) local else limit
      val encoding = if (seed % 4 < 2) rope else alibi
      val s = sequence(seed, 60)
      val ends = randomEnds(random, 60, 25)
      val expected =
        DenseOracle.attend(
          s,
          encoding,
          0 until 60,
          NaiveLmInfinite(global, local, ceiling).distances(s, encoding, Set.empty)
        )
      val actual = read(
        strategy("lm-infinite", "global-size" -> global, "local-size" -> local, "distance-limit" -> limit),
        s,
        encoding,
        ends
      )
      assertSame(expected, actual, s"seed $seed, $global sinks, window $local, limit $limit, blocks $ends")
    }
  }

  test("the last token of each block sees LM-Infinite's best middle tokens in the chosen layers only") {
    val values = Seq(
      "global-size" -> 2,
      "local-size" -> 8,
      "top-k-middle" -> 3,
      "top-k-insert-at" -> 5,
      "top-k-from-layer" -> 4,
      "top-k-to-layer" -> 6
    )
    for ((layer, seed) <- Seq(3, 4, 5, 6).zip(1L to 4L)) {
      val s = sequence(seed, 50)
      val ends = Seq(13, 14, 15, 30, 31, 49, 50)
      val naive = NaiveLmInfinite(2, 8, 8, 3, 5)
      val asking = if (layer == 4 || layer == 5) ends.map(_ - 1).toSet else Set.empty[Int]
      val expected = DenseOracle.attend(s, rope, 0 until 50, naive.distances(s, rope, asking))
      assertSame(expected, read(strategy("lm-infinite", values: _*), s, rope, ends, layer), s"layer $layer")
    }
  }

  test("ReAttention follows its specification block by block") {
    for (seed <- 1L to 16L) {
      val random = new Random(seed)
      val norm = random.nextInt(3)
      val naive = NaiveReAttention(
        global = random.nextInt(5),
        local = 10 + random.nextInt(10),
        topK = random.nextInt(4),
        span = 1 + random.nextInt(6),
        past = random.nextBoolean(),
        clip = if (seed % 3 == 0) Some(1 + random.nextInt(6)) else None,
        budget = if (seed % 3 == 1) Some(6 + random.nextInt(20)) else None,
        order = if (random.nextBoolean()) "votes" else "rank",
        official = random.nextBoolean(),
        norm = norm
      )
      val s = sequence(seed, 90)
      val ends = randomEnds(random, 90, 10)
      val actual = read(
        strategy(
          "reattention",
          "global-size" -> naive.global,
          "local-size" -> naive.local,
          "local-counts" -> (if (naive.past) "past" else "all"),
          "top-k-middle" -> naive.topK,
          "span-size" -> naive.span,
          "recall-clip" -> naive.clip.getOrElse(-1),
          "recall-budget" -> naive.budget.getOrElse(-1),
          "recall-order" -> naive.order,
          "pairing" -> (if (naive.official) "official" else "group"),
          "recall-type" -> Seq("qk", "qkv", "qkv2")(norm),
          "chunk-size" -> 10
        ),
        s,
        rope,
        ends
      )
      val expected = DenseOracle.attend(s, rope, 0 until 90, naive.distances(s, ends))
      assertSame(expected, actual, s"seed $seed, $naive, blocks $ends")
    }
  }

  test("the faithful profile follows the published program over its own schedule") {
    for (
      (topK, clip, seed) <- Seq((4, Some(6), 1L), (1, None, 2L), (3, None, 3L), (4, None, 4L), (0, None, 5L))
    ) {
      val naive = NaiveReAttention(4, 256, topK, 8, clip = clip, faithful = true, official = true)
      val s = sequence(seed, 440)
      val faithful = strategy(
        "reattention",
        "profile" -> "faithful",
        "global-size" -> 4,
        "local-size" -> 256,
        "top-k-middle" -> topK,
        "span-size" -> 8,
        "recall-clip" -> clip.getOrElse(-1),
        "chunk-size" -> 128
      )
      assert(faithful.dependsOnPromptLength())
      val ends = schedule(faithful, 430) ++ (431 to 440)
      assert(
        ends.dropRight(10).takeRight(2) == Seq(429, 430),
        "the last prompt token is read alone"
      )
      assert((ends.head until 429 by 128).forall(ends.contains), "later blocks are multiples of 128")
      // single tokens and a part of each block: the oracle is slow
      val checked = ends.init.flatMap(end => Seq(end, end + 1)).filter(_ < 440).distinct
      val expected = DenseOracle.attend(s, rope, checked, naive.distances(s, ends))
      val actual = read(faithful, s, rope, ends)
      val width = s.heads * s.headDim
      for (i <- checked) {
        assertSame(
          expected.slice(i * width, (i + 1) * width),
          actual.slice(i * width, (i + 1) * width),
          s"seed $seed, row $i"
        )
      }
    }
  }

  private def schedule(strategy: ContextStrategy, prompt: Int): Seq[Int] =
    Iterator
      .iterate(0)(read => math.min(prompt, read + strategy.nextChunk(read, prompt)))
      .takeWhile(_ < prompt)
      .drop(1)
      .toSeq :+ prompt

  test("blocks that may not select see everything") {
    val s = sequence(5, 60)
    val ends = Seq(10, 20, 30, 40, 41, 42, 52, 60)
    val full = read(strategy("full"), s, rope, ends)
    def withOption(option: String): Array[Float] =
      read(
        strategy(
          "reattention",
          "global-size" -> 2,
          "local-size" -> 12,
          "top-k-middle" -> 1,
          "span-size" -> 2,
          "recall-clip" -> 2,
          "chunk-size" -> 12,
          "recall-option" -> option
        ),
        s,
        rope,
        ends
      )
    val width = s.heads * s.headDim
    def sameRows(a: Array[Float], b: Array[Float]): Set[Int] =
      (0 until 60).filter { i =>
        Reading.largestDifference(
          a.slice(i * width, (i + 1) * width),
          b.slice(i * width, (i + 1) * width)
        ) < 1e-6
      }.toSet
    val default = withOption("default")
    val small = (0 until 10).toSet
    val single = Set(40, 41)
    assert(sameRows(withOption("full_attn"), full) == (0 until 60).toSet)
    assert(sameRows(default, full) == small)
    assert(sameRows(withOption("generate_only"), default) == small ++ single)
    assert(sameRows(withOption("generate_only"), full) == (0 until 60).toSet -- single)
    assert(sameRows(withOption("prefill_only"), default) == (0 until 60).toSet -- single)
    assert(sameRows(withOption("prefill_only"), full) == small ++ single)
    assert(sameRows(withOption("decode_only"), default) == small ++ single)
    assert(sameRows(withOption("decode_only"), full) == small)
  }

  test("with decode_only blocks see global and local tokens, and single tokens choose") {
    for (seed <- 1L to 8L) {
      val random = new Random(seed)
      val naive = NaiveReAttention(
        global = random.nextInt(5),
        local = 10 + random.nextInt(6),
        topK = 1 + random.nextInt(3),
        span = 1 + random.nextInt(5),
        past = random.nextBoolean(),
        clip = Some(1 + random.nextInt(5)),
        blocksChoose = false
      )
      val s = sequence(seed, 90)
      // single tokens among blocks, and blocks behind single tokens
      val ends = randomEnds(random, 60, 10).init ++ Seq(60, 61, 62, 70, 71, 80, 81, 90)
      val decodeOnly = strategy(
        "reattention",
        "global-size" -> naive.global,
        "local-size" -> naive.local,
        "local-counts" -> (if (naive.past) "past" else "all"),
        "top-k-middle" -> naive.topK,
        "span-size" -> naive.span,
        "recall-clip" -> naive.clip.get,
        "recall-option" -> "decode_only",
        "chunk-size" -> 10
      )
      val expected = DenseOracle.attend(s, rope, 0 until 90, naive.distances(s, ends))
      assertSame(expected, read(decodeOnly, s, rope, ends), s"seed $seed, $naive, blocks $ends")
    }
  }

  test("with decode_only a block asks no device for keys, and a single token asks once") {
    val s = sequence(3, 90)
    val counting = new CountingKernels(kernels)
    val decodeOnly = strategy(
      "reattention",
      "global-size" -> 2,
      "local-size" -> 12,
      "recall-option" -> "decode_only",
      "chunk-size" -> 10
    )
    val reading = new Reading(decodeOnly, s, rope, counting.kernels, 0)
    try reading.blocks(Seq(10, 20, 30, 40, 50, 60, 70, 80, 89, 90))
    finally reading.close()
    assert(counting.count("spans") == 1)
    assert(counting.count("topKeys") == 0)
    assert(counting.count("attend") == 10)
  }

  test(
    "with the defaults for 512 tokens ReAttention recalls by votes in blocks and by rank in single steps"
  ) {
    val small = new ModelLimits(512, 4)
    val strategy = ContextStrategies.create("reattention", Map.empty[String, String].asJava, small)
    val s = Sequence.random(7, 850, 6, 2, 8)
    val naive = NaiveReAttention(16, 176, 8, 8, past = true, budget = Some(256))
    for ((from, to) <- Seq((192, 256), (256, 320), (768, 832), (832, 840), (849, 850))) {
      val naiveOrder = naive.copy(order = if (to - from == 1) "rank" else "votes")
      val ids = Reading.last(strategy, s.take(to), rope, kernels, from)((_, plan) =>
        plan.segments().get(0).rows().toArray(0).toSeq
      )
      assert(ids == naiveOrder.ids(s, from, to).map(_.toLong), s"block $from to $to")
      assert(ids.size <= 512)
    }
    assert((0 until 5).map(i => strategy.nextChunk(i * 64L, -1)) == Seq.fill(5)(64))
    assert(strategy.questionChunk() == 1)
  }
}
