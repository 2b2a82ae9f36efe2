package org.longform.kernels.context

import org.longform.kernels.attention.{AttentionPlan, FrequencyFlow, PositionEncoding}
import org.longform.kernels.device.{Devices, Kernels}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** The strategies that change positions, through their plans, against the dense oracle: on every device and
  * for 1, 2 and 4 query heads for each key/value head.
  */
class PositionStrategiesSuite extends AnyFunSuite {
  private val limits = new ModelLimits(1 << 20, 8)
  private val rope = PositionEncoding.Rope.plain(8, 10000)
  private val devices =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).map(d => d.name() -> d.open(1)).toSeq
  private val reference = devices.toMap.apply("reference")

  private def strategy(name: String, of: ModelLimits, values: (String, Any)*): ContextStrategy =
    ContextStrategies.create(name, values.map { case (k, v) => k -> v.toString }.toMap.asJava, of)

  private def sequence(seed: Long, tokens: Int, sharers: Int = 2): Sequence =
    Sequence.random(seed, tokens, 4, 4 / sharers, 8)

  private def randomEnds(random: Random, tokens: Int, largest: Int): Seq[Int] =
    Iterator
      .iterate(0)(end => math.min(tokens, end + 1 + random.nextInt(largest)))
      .takeWhile(_ < tokens)
      .drop(1)
      .toSeq :+ tokens

  private def read(
      strategy: ContextStrategy,
      s: Sequence,
      ends: Seq[Int],
      layer: Int = 0,
      kernels: Kernels = reference
  ): Array[Float] = {
    val reading = new Reading(strategy, s, rope, kernels, layer)
    try reading.blocks(ends)
    finally reading.close()
  }

  /** What a strategy made anew reads on every device, for 1, 2 and 4 sharers of a key head. */
  private def assertEverywhere(seed: Long, tokens: Int, ends: Seq[Int], clue: Any, layer: Int = 0)(
      made: () => ContextStrategy
  )(expected: Sequence => Array[Float]): Unit =
    for (sharers <- Seq(1, 2, 4)) {
      val s = sequence(seed, tokens, sharers)
      val wanted = expected(s)
      for ((device, kernels) <- devices) {
        val tolerance = if (device == "reference") 2e-5 else 1e-4
        val actual = read(made(), s, ends, layer, kernels)
        assert(
          Reading.largestDifference(wanted, actual) < tolerance,
          s"$device, $sharers sharers, seed $seed, $clue, blocks $ends"
        )
      }
    }

  private def full(s: Sequence, encoding: PositionEncoding = rope): Array[Float] =
    DenseOracle.attend(s, encoding, 0 until s.tokens, (_, i, j) => if (j > i) DenseOracle.Masked else i - j)

  private def row(s: Sequence, values: Array[Float], i: Int): Array[Float] =
    values.slice(i * s.heads * s.headDim, (i + 1) * s.heads * s.headDim)

  /** The plan of a block, the last tokens of so many. */
  private def plan(strategy: ContextStrategy, s: Sequence, first: Int, layer: Int = 0): AttentionPlan =
    Reading.last(strategy, s, rope, reference, first, layer)((_, plan) => plan)

  /** Distances of all keys that a query sees in a plan, by key; fails if one is seen twice. */
  private def distances(plan: AttentionPlan, query: Long): Map[Long, Double] = {
    val seen = for {
      segment <- plan.segments().asScala.toSeq
      if segment.queries().contains(query)
      (key, index) <- segment.rows().toArray(0).zipWithIndex
      if segment.band().allows(query, key)
    } yield key -> (segment.queryPositions().at(query) - segment.keyPositions().at(key, index.toLong))
    assert(seen.map(_._1).distinct.size == seen.size)
    seen.toMap
  }

  // STRING

  private def shifted(offset: Int, local: Int, factor: Double): ContextStrategy = strategy(
    "string",
    limits,
    "shifted-offset" -> offset,
    "small-local-value" -> local,
    "attention-factor" -> factor
  )

  test("STRING sees tokens from an offset on as near as the local value, however the text is cut") {
    for (seed <- 1L to 6L) {
      val random = new Random(seed)
      val offset = 1 + random.nextInt(30)
      val local = random.nextInt(offset + 1)
      val factor = 1 + random.nextDouble() / 5
      def dense(s: Sequence) = DenseOracle.attend(
        s,
        rope,
        0 until 60,
        (_, i, j) =>
          if (j > i) DenseOracle.Masked
          else if (i - j < offset) i - j
          else i - j - offset + local,
        _ => factor * factor
      )
      assertEverywhere(seed, 60, randomEnds(random, 60, 25), s"S $offset, W $local, g $factor")(() =>
        shifted(offset, local, factor)
      )(dense)
    }
  }

  test("STRING is full attention when nothing is shifted and nothing gained") {
    for (made <- Seq(() => shifted(60, 7, 1), () => shifted(9, 9, 1), () => shifted(1, 1, 1)))
      assertEverywhere(11, 60, Seq(20, 21, 60), "no shift")(made)(full(_))
  }

  test("STRING sees every earlier token once, at no distance above length - 1 - S + W") {
    val s = sequence(12, 200)
    for ((offset, local) <- Seq((66, 8), (50, 0), (199, 12), (200, 12), (300, 12))) {
      for (first <- Seq(0, 190, 199); query <- Seq(first, (first + 199) / 2, 199)) {
        val seen = distances(plan(shifted(offset, local, 1), s, first), query.toLong)
        assert(seen.keySet == (0L to query.toLong).toSet)
        val largest = if (query < offset) query else math.max(offset - 1, query - offset + local)
        assert(seen.values.max == largest)
      }
    }
  }

  // Mesa

  private val mesaLimits = new ModelLimits(40, 8)
  private val mesaSizes = Seq(
    "first-chunk" -> 6,
    "first-chunk-cache" -> 4,
    "last-context" -> 12,
    "answer-room" -> 5,
    "remainder-limit" -> 8,
    "chunk-size" -> 7
  )

  /** A reading of a document of so many tokens. */
  private def mesa(tokens: Int, values: (String, Any)*): ContextStrategy = {
    val made = strategy("mesa", mesaLimits, mesaSizes ++ values: _*)
    made.nextChunk(0, tokens.toLong)
    made
  }

  private def schedule(strategy: ContextStrategy, tokens: Int): Seq[Int] =
    Iterator
      .iterate(0)(read => math.min(tokens, read + strategy.nextChunk(read.toLong, tokens.toLong)))
      .takeWhile(_ < tokens)
      .drop(1)
      .toSeq :+ tokens

  /** Ends of the chunks of a document, by the published loop; empty if it is not cut. */
  private def naiveChunks(tokens: Int): Seq[Int] = {
    val (train, first, unused, last, room, limit) = (40, 6, 4, 12, 5, 8)
    if (tokens < train - room) Nil
    else {
      val between = tokens + room - last - first
      val span = train - first - unused
      val width =
        if (between % span < limit) span else between / (between / span + 1)
      first +: (1 to between / width).map(first + _ * width)
    }
  }

  /** The published positions, except where the stairs end: F before the last chunk, then in steps of half a
    * chunk, so that never more than a chunk is seen in a straight line.
    */
  private def naiveMesa(tokens: Int, stride: Int)(query: Int, key: Int): Double = {
    val ends = naiveChunks(tokens)
    val first = 6
    val lastStart = ends.lastOption.getOrElse(0)
    val chunk = ends.indexWhere(query < _)
    def start(c: Int) = if (c == 0) 0 else ends(c - 1)
    if (key > query) DenseOracle.Masked
    else if (chunk >= 0) {
      if (key >= start(chunk)) query - key
      else if (key < first) first + (query - start(chunk)) - key
      else DenseOracle.Masked
    } else if (query < 40 && (ends.isEmpty || tokens <= 40)) query - key
    else {
      val width = if (ends.isEmpty) 30 else math.max(ends(1) - ends(0), first + 1)
      val step = math.max(1, (if (ends.isEmpty) 30 else ends(1) - ends(0)) / 2)
      var anchor = if (ends.isEmpty) 40 - (30 - step) else lastStart - first
      while (query - anchor >= width) anchor += step
      if (key >= anchor) query - key
      else query - (anchor - 1 - (anchor - 1 - key) / stride)
    }
  }

  test("Mesa cuts a document as published") {
    val large = new ModelLimits(2048, 8)
    def borders(tokens: Int): Seq[Int] = {
      val made = strategy("mesa", large, "chunk-size" -> 1000000)
      schedule(made, tokens)
    }
    assert(borders(1997) == Seq(1997))
    // X = 1436, more than 200 beyond no whole chunk: one chunk of 1436
    assert(borders(1998) == Seq(100, 1536, 1998))
    // X = 5 * 1848 + 198, X = 5 * 1848 + 200
    assert(borders(10000) == Seq(100, 1948, 3796, 5644, 7492, 9340, 10000))
    assert(borders(10002) == Seq(100, 1673, 3246, 4819, 6392, 7965, 9538, 10002))
    // and never so that a question would be read as a middle chunk
    for (tokens <- 1998 to 20000 by 7) assert(borders(tokens).init.last <= tokens - 462)
  }

  test("Mesa's middle chunks see the first one and themselves, the last one everything down the stairs") {
    for (seed <- 1L to 9L) {
      val random = new Random(seed)
      val tokens = if (seed == 1) 20 else 34 + random.nextInt(90)
      val stride = 1 + random.nextInt(6)
      val all = tokens + 50
      val made = () => mesa(tokens, "push-width" -> stride)
      val ends = schedule(made(), tokens) ++ randomEnds(random, 50, 20).map(tokens + _)
      val lastStart = naiveChunks(tokens).lastOption.getOrElse(0)
      def gain(query: Int) =
        if (query < lastStart) 1.0 else math.max(1, math.log(query + 1.0) / math.log(40.0))
      assertEverywhere(seed, all, ends, s"$tokens tokens, E $stride")(made)(s =>
        DenseOracle.attend(s, rope, 0 until all, (_, i, j) => naiveMesa(tokens, stride)(i, j), gain)
      )
      // and however the text is cut, across chunks, too
      val cut = randomEnds(random, all, 40)
      assertEverywhere(seed, all, cut, s"$tokens tokens, E $stride, cut otherwise")(made)(s =>
        DenseOracle.attend(s, rope, 0 until all, (_, i, j) => naiveMesa(tokens, stride)(i, j), gain)
      )
    }
  }

  test("a document of unknown length has no middle chunks in Mesa, and stairs from the trained window on") {
    val made = () => strategy("mesa", mesaLimits, mesaSizes :+ ("push-width" -> 3): _*)
    assertEverywhere(21, 150, Seq(7, 41, 42, 90, 150), "unknown length")(made)(s =>
      DenseOracle.attend(
        s,
        rope,
        0 until 150,
        (_, i, j) => naiveMesa(-1, 3)(i, j),
        query => math.max(1, math.log(query + 1.0) / math.log(40.0))
      )
    )
  }

  test("Mesa's last chunk is full attention when no tokens share a position and nothing is gained") {
    val s = sequence(22, 130)
    val ends = schedule(mesa(100), 100) ++ Seq(110, 130)
    val actual = read(mesa(100, "push-width" -> 1, "query-gain" -> "none"), s, ends)
    val expected = full(s)
    val lastStart = naiveChunks(100).last
    for (i <- lastStart until 130)
      assert(Reading.largestDifference(row(s, expected, i), row(s, actual, i)) < 2e-5, s"row $i")
    assert(Reading.largestDifference(row(s, expected, 50), row(s, actual, 50)) > 1e-3)
  }

  test("Mesa's stairs have even steps, and the straight part before them never vanishes") {
    val (tokens, stride) = (100, 4)
    val made = mesa(tokens, "push-width" -> stride)
    val width = { val ends = naiveChunks(tokens); ends(1) - ends(0) }
    for (query <- naiveChunks(tokens).last until 220) {
      val seen = distances(plan(made, sequence(23, query + 1), query), query.toLong)
      assert(seen.keySet == (0L to query.toLong).toSet)
      val positions = (0L to query.toLong).map(key => query - seen(key))
      val steps = positions.sliding(2).map { case Seq(a, b) => b - a }.toSeq
      assert(steps.forall(step => step == 0 || step == 1))
      val sizes = positions.groupBy(identity).values.map(_.size).toSeq.sorted
      val shared = sizes.count(_ > 1)
      assert(sizes.count(_ == stride) >= shared - 1 && sizes.max <= stride)
      val straight = steps.reverse.takeWhile(_ == 1).size
      assert(straight >= math.min(6, width - width / 2) && straight <= width, s"query $query")
    }
  }

  test("Mesa refuses sizes that leave no room") {
    def refusal(values: (String, Any)*) =
      intercept[org.longform.kernels.error.LongformException](
        strategy("mesa", mesaLimits, values: _*)
      ).getMessage
    assert(
      refusal("first-chunk" -> 30, "first-chunk-cache" -> 10).contains("leave no position of train-length 40")
    )
    assert(refusal("train-length" -> 41).contains("train-length 41 exceeds the 40 tokens"))
    assert(
      refusal("answer-room" -> 13, "last-context" -> 12).contains("answer-room 13 exceeds last-context 12")
    )
  }

  // Ms-PoE

  private def msPoe(values: (String, Any)*): ContextStrategy = strategy("ms-poe", limits, values: _*)

  /** Divisors of the query heads, found with the last of some tokens, in plain loops over all heads. */
  private def naiveDivisors(
      s: Sequence,
      tokens: Int,
      least: Double = 1.2,
      most: Double = 1.8,
      alpha: Double = 3
  ) = {
    def score(head: Int): Double = {
      val q = s.query(head, tokens - 1)
      val logits = (0 until tokens).map { j =>
        q.zip(s.key(s.kvHead(head), j)).map { case (a, b) => a * b }.sum * s.scale
      }
      val sum = logits.map(math.exp).sum
      logits.count(x => math.exp(x) / sum >= alpha / tokens).toDouble / tokens
    }
    val sharers = s.heads / s.kvHeads
    val scores =
      (0 until s.kvHeads).map(g => (0 until sharers).map(i => score(g * sharers + i)).sum / sharers)
    val order = scores.indices.sortBy(g => -scores(g))
    (0 until s.heads).map { head =>
      if (s.kvHeads == 1) (least + most) / 2
      else least + order.indexOf(s.kvHead(head)) * (most - least) / (s.kvHeads - 1)
    }
  }

  /** Each row at the divisors of its block, those of a block of one token being those before it. */
  private def naiveMsPoe(s: Sequence, ends: Seq[Int]): Array[Float] = {
    var known: Seq[Double] = Seq.fill(s.heads)(1.5)
    val divisors = (0 +: ends)
      .sliding(2)
      .flatMap { case Seq(from, to) =>
        if (to - from > 1) known = naiveDivisors(s, to)
        Seq.fill(to - from)(known)
      }
      .toIndexedSeq
    DenseOracle.attend(
      s,
      rope,
      0 until s.tokens,
      (head, i, j) => if (j > i) DenseOracle.Masked else (i - j) / divisors(i)(head)
    )
  }

  test("Ms-PoE divides positions by what the last token of each block of several finds, from layer 2 on") {
    for (seed <- 1L to 5L; layer <- Seq(2, 5)) {
      val random = new Random(seed)
      val ends = Seq(1, 2) ++ randomEnds(random, 60, 25).filter(_ > 2) ++ Seq(61, 62, 70, 71)
      assertEverywhere(seed, 71, ends, s"layer $layer", layer)(() => msPoe())(naiveMsPoe(_, ends))
    }
  }

  test("Ms-PoE leaves the first layers as they are, bit for bit") {
    val s = sequence(31, 60)
    val ends = Seq(20, 40, 41, 60)
    for (layer <- 0 to 1; (_, kernels) <- devices)
      assert(
        read(msPoe(), s, ends, layer, kernels) sameElements
          read(strategy("full", limits), s, ends, layer, kernels)
      )
    val third = Reading.largestDifference(read(msPoe(), s, ends, 2), full(s))
    assert(third > 1e-3)
    assert(read(msPoe("scale-from-layer" -> 3), s, ends, 2) sameElements read(msPoe(), s, ends, 1))
  }

  test("Ms-PoE with one scale for all heads is position interpolation, and with 1 the model's own") {
    for (scale <- Seq(1.0, 1.5)) {
      val made = () => msPoe("scale-least" -> scale, "scale-most" -> scale)
      val slower = new PositionEncoding.Rope(
        rope.inverseFrequencies().map(_ / scale),
        1,
        PositionEncoding.Rope.Layout.HALF_SPLIT
      )
      assertEverywhere(32, 60, Seq(20, 40, 41, 60), s"scale $scale", 2)(made)(full(_, slower))
    }
  }

  private def scales(plan: AttentionPlan): Seq[Double] = {
    val found = plan.segments().get(0).headScales()
    (0 until found.heads()).map(found.at)
  }

  test("Ms-PoE deals out a linear table, and values have no part in it") {
    for (heads <- Seq(4, 8); sharers <- Seq(1, 2, 4)) {
      val groups = heads / sharers
      val s = Sequence.random(33, 200, heads, groups, 8)
      val found = scales(plan(msPoe(), s, 150, 3)).map(1 / _).grouped(sharers).toSeq
      assert(found.forall(_.distinct.size == 1))
      val table = if (groups == 1) Seq(1.5) else (0 until groups).map(i => 1.2 + i * 0.6 / (groups - 1))
      found.map(_.head).sorted.zip(table).foreach { case (a, b) => assert(math.abs(a - b) < 1e-12) }
      val other = s.copy(v = s.v.map(_ * -3))
      assert(scales(plan(msPoe(), other, 150, 3)) == scales(plan(msPoe(), s, 150, 3)))
    }
  }

  test("Ms-PoE's heads that single out more tokens get smaller divisors; equals in order") {
    // all keys of a head are alike, but for some that its query matches
    def sequenceWith(matching: Seq[Int]): Sequence = {
      val s = Sequence.random(34, 100, 4, 4, 8)
      val k = Array.tabulate(100 * 4 * 8) { at =>
        val (row, head, d) = (at / 32, at / 8 % 4, at % 8)
        if (d == 0 && row < matching(head)) 9f else 0f
      }
      s.copy(q = Array.tabulate(100 * 4 * 8)(at => if (at % 8 == 0) 3f else 0f), k = k)
    }
    def divisors(matching: Int*) =
      scales(plan(msPoe(), sequenceWith(matching), 50, 2)).map(x => math.round(10 / x))
    assert(divisors(1, 2, 3, 4) == Seq(18, 16, 14, 12))
    assert(divisors(2, 9, 1, 5) == Seq(16, 12, 18, 14))
    assert(divisors(3, 3, 3, 3) == Seq(12, 14, 16, 18))
    assert(divisors(3, 5, 5, 1) == Seq(16, 12, 14, 18))
  }

  test(
    "forks of Ms-PoE keep what was found and find for themselves; a block that is planned again finds the same"
  ) {
    val s = sequence(35, 120)
    val document = msPoe()
    val before = plan(document, s.take(100), 60, 2)
    assert(plan(document, s.take(100), 60, 2) == before)
    val (one, other) = (document.fork(), document.fork())
    assert(
      plan(one, s.take(101), 100, 2).segments().get(0).headScales() == before.segments().get(0).headScales()
    )
    // a question with another last token
    val seeds = (40L to 60L).map(seed => scales(plan(one, sequence(seed, 120), 100, 2)))
    assert(seeds.distinct.size > 1)
    assert(scales(plan(other, s.take(101), 100, 2)) == scales(before))
    assert(scales(plan(document, s.take(101), 100, 2)) == scales(before))
    // layers do not mix
    assert(scales(plan(document, s.take(101), 100, 3)) == Seq.fill(4)(1 / 1.5))
  }

  test("Ms-PoE refuses scales in the wrong order") {
    val error = intercept[org.longform.kernels.error.LongformException](msPoe("scale-least" -> 2))
    assert(error.getMessage.contains("scale-least 2.0 must be above 0 and at most scale-most 1.8"))
    intercept[org.longform.kernels.error.LongformException](msPoe("scale-least" -> 0))
  }

  // CLEX

  private val flow: FrequencyFlow = {
    val random = new Random(7)
    def weights = Array.fill(4 * 8)(random.nextGaussian().toFloat / 4)
    FrequencyFlow.solve(
      rope.inverseFrequencies(),
      new FrequencyFlow.Network(weights, weights, FrequencyFlow.Activation.TANH),
      4,
      50
    )
  }
  private val clexLimits = new ModelLimits(20, 8, java.util.Optional.of(flow))

  private def turned(factor: Int, trained: Boolean): PositionEncoding =
    new PositionEncoding.Rope(
      if (trained) flow.inverseFrequencies(factor)
      else FrequencyFlow.unlearned(rope.inverseFrequencies(), factor),
      1,
      PositionEncoding.Rope.Layout.HALF_SPLIT
    )

  private def naiveClex(s: Sequence, trained: Boolean)(factor: Int => Int): Array[Float] = {
    val out = new Array[Float](s.q.length)
    for ((t, rows) <- (0 until s.tokens).groupBy(factor)) {
      val part = DenseOracle.attend(
        s,
        turned(t, trained),
        rows,
        (_, i, j) => if (j > i) DenseOracle.Masked else i - j
      )
      rows.foreach(i => row(s, part, i).copyToArray(out, i * s.heads * s.headDim))
    }
    out
  }

  test("CLEX turns all keys by the frequencies of the length of the document, as far as it learned them") {
    for ((trained, most) <- Seq((true, 4), (true, 3), (false, 5)); tokens <- Seq(15, 20, 21, 50, 100)) {
      val made = () => {
        val clex = strategy(
          "clex",
          clexLimits,
          "frequencies" -> (if (trained) "trained" else "ntk"),
          "max-factor" -> most,
          "chunk-size" -> 8
        )
        assert(clex.dependsOnDocumentLength() && !clex.dependsOnPromptLength())
        clex.nextChunk(0, tokens.toLong)
        clex
      }
      // four more, alone: the question
      val ends = schedule(made(), tokens) ++ (tokens + 1 to tokens + 4)
      def factor(row: Int) = math.min(most, (math.max(tokens, row + 1) + 19) / 20)
      assertEverywhere(tokens.toLong, tokens + 4, ends, s"$trained, at most $most")(made)(
        naiveClex(_, trained)(factor)
      )
    }
  }

  test("CLEX by what was read gives each token the factor of its own place, whatever the blocks") {
    val made = (chunk: Int) => strategy("clex", clexLimits, "factor-from" -> "read", "chunk-size" -> chunk)
    assert(!made(8).dependsOnDocumentLength())
    for (chunk <- Seq(1, 7, 20, 33))
      assertEverywhere(41, 75, schedule(made(chunk), 75), s"blocks of $chunk")(() => made(chunk))(
        naiveClex(_, trained = true)(row => math.min(4, row / 20 + 1))
      )
  }

  test("CLEX is full attention inside the window, bit for bit") {
    val s = sequence(42, 20)
    for ((_, kernels) <- devices)
      assert(
        read(strategy("clex", clexLimits), s, Seq(8, 16, 20), 0, kernels) sameElements
          read(strategy("full", clexLimits), s, Seq(8, 16, 20), 0, kernels)
      )
  }

  test("CLEX without learned frequencies is refused, unless the formula is asked for") {
    def refusal(of: ModelLimits, values: (String, Any)*) =
      intercept[org.longform.kernels.error.LongformException](strategy("clex", of, values: _*)).getMessage
    val untrained = refusal(limits)
    assert(untrained.startsWith("Cannot use context 'clex': the model has not learned frequencies"))
    assert(untrained.endsWith("Use another context, or frequencies 'ntk', which are not learned."))
    assert(
      refusal(clexLimits, "max-factor" -> 5).contains("max-factor 5 exceeds the 4 times its window")
    )
    strategy("clex", limits, "frequencies" -> "ntk")
    val factory = ContextStrategies.byName("clex")
    assert(factory.whyUnavailable(limits).isPresent && !factory.whyUnavailable(clexLimits).isPresent)
  }
}
