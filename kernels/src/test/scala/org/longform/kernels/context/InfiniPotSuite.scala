package org.longform.kernels.context

import org.longform.kernels.attention.PositionEncoding
import org.longform.kernels.cache.Rows
import org.longform.kernels.device.Devices
import org.longform.kernels.error.LongformException
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** InfiniPot against its specification and the dense oracle. */
class InfiniPotSuite extends AnyFunSuite {
  private val limits = new ModelLimits(1 << 20, 8)
  private val rope = PositionEncoding.Rope.plain(8, 10000)
  private val prompt = Array(5, 3, 8)
  private val devices =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).map(d => d.name() -> d.open(1)).toMap

  private case class Pot(pot: Int, kept: Int, share: Double, chunk: Int) {
    private val novel = (share * kept).toInt
    private val room = if (novel < kept) pot - prompt.length else pot

    def strategy: ContextStrategy = ContextStrategies.create(
      "infinipot",
      Map(
        "pot-size" -> pot.toString,
        "kept-size" -> kept.toString,
        "novelty-share" -> share.toString,
        "chunk-size" -> chunk.toString
      ).asJava,
      limits,
      _ => prompt
    )

    /** For each token and key/value head the tokens that are held with its block. */
    def read(s: Sequence): Map[(Int, Int), Seq[Int]] = {
      val probe =
        Sequence.random(prompt.toSeq.hashCode().toLong, prompt.length, s.heads, s.kvHeads, s.headDim)
      var held = Seq.fill(s.kvHeads)(Seq.empty[Int])
      var seen = Map.empty[(Int, Int), Seq[Int]]
      var from = 0
      while (from < s.tokens) {
        val block = from until math.min(s.tokens, from + math.min(chunk, room - held.head.size))
        held = held.map(_ ++ block)
        for (head <- held.indices; i <- block) seen += (i, head) -> held(head)
        if (held.head.size == room) held = held.indices.map(head => distilled(s, probe, head, held(head)))
        from = block.end
      }
      seen
    }

    private def distilled(s: Sequence, probe: Sequence, kvHead: Int, held: Seq[Int]): Seq[Int] = {
      val surprising = held.sortBy(token => (-told(token), -token)).take(novel)
      val relevance = attention(s, probe, kvHead, held)
      val others = held.filterNot(surprising.contains).sortBy(token => (-relevance(token), -token))
      (surprising ++ others.take(kept - novel)).sorted
    }

    private def told(token: Int): Double =
      if (token > 0) Reading.surprise(token) else (1 until chunk).map(Reading.surprise).max

    /** What the probe's tokens, behind those that are held, attend to in all query heads of a group. */
    private def attention(s: Sequence, probe: Sequence, kvHead: Int, held: Seq[Int]): Map[Int, Double] = {
      val rows = held.map(token => (s, token)) ++ (0 until probe.tokens).map(token => (probe, token))
      def join(of: Sequence => Array[Float], width: Int): Array[Float] =
        rows.flatMap { case (from, row) => of(from).slice(row * width, (row + 1) * width) }.toArray
      val (queries, keys) = (s.heads * s.headDim, s.kvHeads * s.headDim)
      val joined = s.copy(q = join(_.q, queries), k = join(_.k, keys), v = join(_.v, keys))
      val causal: DenseOracle.Distance = (_, i, j) => if (j > i) DenseOracle.Masked else i - j
      val weights = for {
        head <- 0 until s.heads if s.kvHead(head) == kvHead
        i <- held.size until rows.size
        (j, weight) <- DenseOracle.weights(joined, rope, head, i, causal) if j < held.size
      } yield held(j) -> weight
      weights.groupBy(_._1).map { case (token, all) => token -> all.map(_._2).sum }
    }
  }

  /** Attention to what is held, at packed positions. */
  private def expected(s: Sequence, seen: Map[(Int, Int), Seq[Int]]) =
    DenseOracle.attend(
      s,
      rope,
      0 until s.tokens,
      (head, i, j) => DenseOracle.packed(seen((i, s.kvHead(head))), i, j)
    )

  private def read(strategy: ContextStrategy, s: Sequence, device: String): Array[Float] = {
    val reading = new Reading(strategy, s, rope, devices(device))
    try reading.whole((_, _) => ())
    finally reading.close()
  }

  test(
    "each key head keeps what surprised and what the catalyst attends to, at packed positions, on every device"
  ) {
    for (seed <- 1L to 12L) {
      val random = new Random(seed)
      val kept = 4 + random.nextInt(6)
      val pot =
        Pot(kept + 8 + random.nextInt(6), kept, Seq(0.5, 0, 1, 0.25)(seed.toInt % 4), 2 + random.nextInt(4))
      val s = Sequence.random(seed, 80, 4, Seq(1, 2, 4)(seed.toInt % 3), 8)
      val seen = pot.read(s)
      assert(seen((79, 0)).size < 30)
      for (device <- devices.keys)
        assert(
          Reading.largestDifference(expected(s, seen), read(pot.strategy, s, device)) <
            (if (device == "reference") 2e-5 else 1e-4),
          s"seed $seed on $device, $pot"
        )
    }
  }

  test("key heads keep different tokens, unless all are kept for their surprise") {
    val s = Sequence.random(3, 80, 4, 2, 8)
    def alike(share: Double): Boolean = {
      val seen = Pot(30, 16, share, 4).read(s)
      seen((79, 0)) == seen((79, 1))
    }
    assert(!alike(0) && !alike(0.5) && alike(1))
  }

  test("a pot that is never full is full attention, and the catalyst prompt is never asked") {
    val s = Sequence.random(4, 40, 4, 2, 8)
    val strategy = Pot(44, 20, 0.5, 7).strategy
    val causal: DenseOracle.Distance = (_, i, j) => if (j > i) DenseOracle.Masked else i - j
    val expected = DenseOracle.attend(s, rope, 0 until 40, causal)
    assert(Reading.largestDifference(expected, read(strategy, s, "reference")) < 2e-5)
    assert(strategy.probe(40).isEmpty && strategy.probe(41).sameElements(prompt))
  }

  test("a choice of all that is held is all that is held, by whatever it is made") {
    val held = Rows.builder().range(0, 3).range(7, 12).build()
    val choice = new Choice(held)
    choice.best(3, place => math.sin(place))
    choice.best(5, place => math.cos(place))
    val rows = Rows.builder()
    choice.appendTo(rows)
    assert(rows.build().toArray(0).sameElements(held.toArray(0)))
    assert(choice.places().sameElements(0 until 8))
  }

  test("a pot that keeps all but one token forgets the one that neither surprised nor was attended to") {
    val s = Sequence.random(7, 40, 4, 2, 8)
    val pot = Pot(24, 20, 0.5, 3) // room for 21 tokens beside the catalyst prompt
    val seen = pot.read(s)
    // the first token counts like the most surprising one of its block
    val told =
      (0 to 20).map(token => if (token > 0) Reading.surprise(token) else (1 to 2).map(Reading.surprise).max)
    for (head <- 0 until 2) {
      // full with token 20, and one more fits after each distillation
      for (i <- 21 until 40) assert(seen((i, head)).size == 21)
      val lost = (0 to 20).filterNot(seen((21, head)).contains)
      assert(lost.size == 1)
      assert(told.count(_ < told(lost.head)) < 11)
    }
    assert(Reading.largestDifference(expected(s, seen), read(pot.strategy, s, "reference")) < 2e-5)
  }

  test("without surprises, and asking with the last token, a token goes by the rule of TOVA") {
    // where positions do not act, what the last token's copy attends to is what the last token does
    val still = new PositionEncoding.Alibi(new Array(4))
    val kept = 9
    val strategy = ContextStrategies.create(
      "infinipot",
      Map("pot-size" -> (kept + 2), "kept-size" -> kept, "novelty-share" -> 0, "chunk-size" -> 1).map {
        case (name, value) => name -> value.toString
      }.asJava,
      limits,
      _ => Array(1)
    )
    val s = Sequence.random(8, 60, 4, 2, 8)
    var held = Seq.fill(2)(Seq.empty[Int])
    var seen = Map.empty[(Int, Int), Seq[Int]]
    for (i <- 0 until s.tokens) {
      held = held.map(_ :+ i)
      for (head <- held.indices) seen += (i, head) -> held(head)
      if (held.head.size > kept) held = held.zipWithIndex.map { case (tokens, kvHead) =>
        // the published rule, for each head that has keys of its own: the least attended one goes
        val attention = for {
          head <- 0 until s.heads if s.kvHead(head) == kvHead
          own = DenseOracle.weights(
            s,
            still,
            head,
            i,
            (_, _, j) => if (tokens.contains(j)) 0 else DenseOracle.Masked
          )
          // as part of what the copy sees: the token itself is there twice
          (j, weight) <- own
        } yield j -> weight / (1 + own.toMap.apply(i))
        val sums = attention.groupBy(_._1).map { case (j, all) => j -> all.map(_._2).sum }
        val least = tokens.minBy(j => (sums(j), j))
        tokens.filterNot(_ == least)
      }
    }
    val reading = new Reading(strategy, s, still, devices("reference")) {
      override def rowsOf(ids: Array[Int]): Sequence =
        s.slice(cache.length().toInt - 1, cache.length().toInt)
    }
    val actual =
      try reading.whole((_, _) => ())
      finally reading.close()
    val dense = DenseOracle.attend(
      s,
      still,
      0 until s.tokens,
      (head, i, j) => if (seen((i, s.kvHead(head))).contains(j)) 0 else DenseOracle.Masked
    )
    assert(seen((59, 0)).size == kept + 1 && seen((59, 0)) != seen((59, 1)))
    assert(Reading.largestDifference(dense, actual) < 2e-5)
  }

  test("a fork distils on its own") {
    val s = Sequence.random(5, 70, 4, 2, 8)
    val pot = Pot(24, 10, 0.5, 4)
    val expected = read(pot.strategy, s, "reference")
    val original = pot.strategy
    val first = new Reading(original, s.take(34), rope, devices("reference"))
    val cache =
      try {
        first.whole((_, _) => ())
        first.cache.fork()
      } finally first.close()
    val fork = original.fork()
    read(original, Sequence.random(6, 70, 4, 2, 8), "reference")
    val reading = new Reading(fork, s, rope, devices("reference"), behind = Some(cache))
    try {
      val actual = reading.whole((_, _) => ())
      assert(Reading.largestDifference(expected.drop(36 * 32), actual.drop(36 * 32)) == 0)
    } finally reading.close()
  }

  test("sizes that do not go together are refused") {
    def refusal(values: (String, String)*) = intercept[LongformException](
      ContextStrategies.create("infinipot", values.toMap.asJava, new ModelLimits(512, 4), _ => prompt)
    ).getMessage
    assert(
      refusal("kept-size" -> "509") ==
        "Cannot use context 'infinipot': pot-size 512 has no room for new text beside 509 kept tokens and the 3 of catalyst-prompt. Raise it, lower kept-size, or shorten catalyst-prompt."
    )
    val empty = intercept[LongformException](
      ContextStrategies.create("infinipot", Map("catalyst-prompt" -> "").asJava, limits, _ => Array())
    )
    assert(
      empty.getMessage ==
        "Cannot use context 'infinipot': catalyst-prompt is empty. Leave it out, or write what to look for."
    )
    assert(
      refusal("pot-size" -> "600") ==
        "Cannot use context 'infinipot': pot-size 600 exceeds the 512 tokens the model was trained on. Lower it."
    )
    assert(
      refusal("novelty-share" -> "1.1") ==
        "Cannot use context 'infinipot': novelty-share 1.1 must not be above 1. Lower it or leave it out."
    )
  }
}
