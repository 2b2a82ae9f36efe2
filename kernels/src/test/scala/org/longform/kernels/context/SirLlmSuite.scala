package org.longform.kernels.context

import org.longform.kernels.attention.PositionEncoding
import org.longform.kernels.cache.{KvCache, KvShape, Rows}
import org.longform.kernels.device.Devices
import org.longform.kernels.error.LongformException
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** SirLLM against its specification and the dense oracle. */
class SirLlmSuite extends AnyFunSuite {
  private val limits = new ModelLimits(1 << 20, 8)
  private val rope = PositionEncoding.Rope.plain(8, 10000)
  private val devices =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).map(d => d.name() -> d.open(1)).toMap

  private case class Sizes(global: Int, surprising: Int, recent: Int, chunk: Int) {
    val total: Int = global + surprising + recent

    def strategy(decay: Double = 1): ContextStrategy = ContextStrategies.create(
      "sirllm",
      Map(
        "global-size" -> global.toString,
        "surprising-size" -> surprising.toString,
        "recent-size" -> recent.toString,
        "chunk-size" -> chunk.toString,
        "turn-decay" -> decay.toString
      ).asJava,
      limits
    )

    /** The published rule: room for a turn of `chunk` tokens. */
    def kept(held: Seq[Int], surprise: Int => Double): Seq[Int] = {
      val best = held.sortBy(token => (-surprise(token), -token)).take(surprising - chunk)
      val chosen = (best ++ held.take(global)).toSet
      val newest = held.reverse.filterNot(chosen).take(total - chunk - chosen.size)
      held.filter(chosen ++ newest)
    }

    /** For each block its tokens' range and what is held with it. */
    def read(tokens: Int, surprise: Int => Double): Seq[(Range, Seq[Int])] = {
      var held = Seq.empty[Int]
      var from = 0
      Iterator
        .continually {
          val block = from until math.min(tokens, from + math.min(chunk, total - held.size))
          val seen = held ++ block
          held = if (seen.size == total) kept(seen, surprise) else seen
          from = block.end
          (block, seen)
        }
        .takeWhile(_._1.nonEmpty)
        .toList
    }
  }

  /** What the harness says of every token but the first, which counts like the best of its block. */
  private def told(sizes: Sizes)(token: Int): Double =
    if (token > 0) Reading.surprise(token) else (1 until sizes.chunk).map(Reading.surprise).max

  test("SirLLM keeps sinks, the most surprising and the newest tokens at packed positions, on every device") {
    for (seed <- 1L to 12L) {
      val random = new Random(seed)
      val sizes =
        Sizes(random.nextInt(4), 4 + random.nextInt(8), 1 + random.nextInt(8), 2 + random.nextInt(3))
      val s = Sequence.random(seed, 90, 4, Seq(1, 2, 4)(seed.toInt % 3), 8)
      val seen = sizes.read(90, told(sizes)).flatMap { case (block, held) => block.map(_ -> held) }.toMap
      val expected = DenseOracle.attend(s, rope, 0 until 90, (_, i, j) => DenseOracle.packed(seen(i), i, j))
      for ((device, kernels) <- devices) {
        val reading = new Reading(sizes.strategy(), s, rope, kernels)
        try
          assert(
            Reading.largestDifference(expected, reading.whole((_, _) => ())) <
              (if (device == "reference") 2e-5 else 1e-4),
            s"seed $seed on $device, $sizes"
          )
        finally reading.close()
      }
    }
  }

  /** The tokens a cache holds when a strategy was told something of every token. */
  private def held(
      strategy: ContextStrategy,
      tokens: Int,
      surprise: Long => Double,
      turns: Set[Long] = Set.empty
  ): Seq[Long] = {
    val cache = new KvCache(new KvShape(1, 1, 2))
    try {
      while (cache.length() < tokens) {
        val first = cache.length()
        if (turns(first)) strategy.turn()
        cache.reserve(math.min(strategy.nextChunk(first, -1), tokens - first).toInt)
        cache.commit()
        val predicted = math.max(1, first)
        strategy.scored(predicted, (predicted until cache.length()).map(surprise).toArray)
        Reading.keep(strategy, cache)
      }
      val view = cache.view(0)
      cache.held().toArray(0).map(view.token(0, _)).toSeq
    } finally cache.close()
  }

  private val random = (token: Long) => Reading.surprise(token.toInt)

  test("nothing is forgotten before the cache is full, then room is made for exactly one block") {
    val sizes = Sizes(2, 10, 8, 5)
    assert(held(sizes.strategy(), 19, random) == (0L until 19))
    assert(held(sizes.strategy(), 20, random).size == 15)
  }

  test("where all tokens surprise alike, the sinks and the newest stay") {
    val sizes = Sizes(2, 10, 8, 5)
    assert(held(sizes.strategy(), 100, _ => 1.5) == Seq(0L, 1L) ++ (87L until 100))
  }

  test("with a decay of 0 a new turn keeps nothing of the older ones but the sinks") {
    val sizes = Sizes(2, 10, 8, 5)
    val surprising = (token: Long) => if (token >= 20 && token < 25) 9.0 else 1.0
    assert(held(sizes.strategy(0.5), 60, surprising).containsSlice(20L until 25))
    assert(held(sizes.strategy(0.5), 60, surprising, Set(25L)).containsSlice(20L until 25))
    assert(!held(sizes.strategy(0.5), 60, surprising, Set(25L, 30L, 35L, 40L)).exists(t => t >= 20 && t < 25))
    assert(held(sizes.strategy(0), 60, surprising, Set(25L)) == Seq(0L, 1L) ++ (47L until 60))
  }

  test("a fork forgets on its own") {
    val sizes = Sizes(2, 10, 8, 5)
    val original = sizes.strategy()
    held(original, 18, _ => 1)
    val fork = original.fork()
    held(original, 60, token => token.toDouble)
    val rows = Rows.range(0, 20)
    fork.scored(18, Array(7, 7))
    val kept = fork.gather(rows, 20).get.layers().get(0).toArray(0).toSeq
    assert(kept == Seq(0L, 1L) ++ (7L until 20))
  }

  test("sizes that do not go together are refused") {
    def refusal(values: (String, String)*) = intercept[LongformException](
      ContextStrategies.create("sirllm", values.toMap.asJava, new ModelLimits(512, 4))
    ).getMessage
    assert(
      refusal("recent-size" -> "400") ==
        "Cannot use context 'sirllm': global-size 4, surprising-size 254 and recent-size 400 together exceed the 512 tokens the model was trained on. Lower one of them."
    )
    assert(
      refusal("surprising-size" -> "0", "recent-size" -> "64") ==
        "Cannot use context 'sirllm': chunk-size 64 leaves nothing of the 64 surprising and recent tokens. Lower it, or raise surprising-size or recent-size."
    )
    assert(
      refusal("turn-decay" -> "1.5") ==
        "Cannot use context 'sirllm': turn-decay 1.5 must not be above 1. Lower it or leave it out."
    )
  }
}
