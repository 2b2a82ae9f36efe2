package org.longform.kernels.device

import org.longform.kernels.attention.QueryRange
import org.longform.kernels.cache.{KvCache, KvDType, KvMemory, KvShape}
import org.longform.kernels.device.cpu.CpuDevice
import org.longform.kernels.device.cuda.CudaDevice
import org.longform.kernels.tensor.{Memory, Tensor}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** Devices that note where keys lie, and keep sketches of pages, while documents grow, are cut, forked and
  * closed.
  */
class SketchedSearchSuite extends AnyFunSuite {
  private val HEADS = 4
  // of each layer
  private val KV_HEADS = Array(2, 1)
  private val HEAD_DIM = 32
  private val shape = new KvShape(KV_HEADS, HEAD_DIM, KvDType.F16)
  private val reference = Devices.choose("reference").open(1)
  private val processors = available(new CpuDevice().variants().asScala.toSeq)
  private val cards = available(Seq(new CudaDevice()))
  private val searching = processors ++ cards

  /** The fewest candidates that a device sketches. */
  private def leastOf(provider: DeviceProvider): Int = if (cards.contains(provider)) 16384 else 2048

  /** An emulated card takes its time for so many candidates. */
  private def lessOn(provider: DeviceProvider, times: Int): Int =
    if (cards.contains(provider)) times / 4 else times

  private def available(devices: Seq[DeviceProvider]): Seq[DeviceProvider] =
    devices.filterNot(_.whyUnavailable().isPresent)

  private def write(cache: KvCache, tokens: Int, random: Random, size: Float = 1): Unit = {
    cache.reserve(tokens)
    for (layer <- 0 until 2) {
      val width = KV_HEADS(layer) * HEAD_DIM
      def draw() =
        Tensor.of(
          Array.fill(tokens * width)(size * random.nextGaussian().toFloat),
          tokens.toLong,
          width.toLong
        )
      val keys = draw()
      val values = draw()
      try cache.put(layer, keys, values)
      finally {
        keys.close()
        values.close()
      }
    }
  }

  /** The tokens that a single query wants, with the queries that the seed gives. */
  private def ask(
      kernels: Kernels,
      cache: KvCache,
      layer: Int,
      seed: Int,
      k: Int,
      from: Int = 32
  ): TopKeys = asking(cache, layer, seed, k, from)(kernels.topKeys)

  private def asking[A](cache: KvCache, layer: Int, seed: Int, k: Int, from: Int)(
      request: TopKeysRequest => A
  ): A = {
    val random = new Random(seed)
    val width = HEADS * HEAD_DIM
    val queries = Tensor.of(Array.fill(width)(random.nextGaussian().toFloat), 1L, width.toLong)
    try {
      val to = cache.view(layer).end() - 10
      request(
        new TopKeysRequest(
          queries,
          cache.view(layer),
          from,
          to,
          QueryRange.ALL,
          k,
          TopKeysRequest.Scoring.EXACT
        )
      )
    } finally queries.close()
  }

  // as many as every device finds by sketches
  private val K = 4

  private def checkSame(kernels: Kernels, cache: KvCache, layer: Int, seed: Int, from: Int = 32): TopKeys = {
    val expected = ask(reference, cache, layer, seed, K, from)
    val found = ask(kernels, cache, layer, seed, K, from)
    KernelCase.close("scores", found.scores(), expected.scores(), 1e-4)
    // where scores of neighbours in rank differ by more than rounding, so must the tokens agree
    for (i <- found.rows().indices) {
      val gap = Seq(i - 1, i + 1)
        .filter(j => j >= 0 && j < found.rows().length && j / K == i / K)
        .map(j => math.abs(expected.scores()(j) - expected.scores()(i)))
        .min
      if (gap > 1e-3 && i % K != K - 1) assert(found.rows()(i) == expected.rows()(i), s"entry $i")
    }
    found
  }

  for (provider <- searching) {
    val name = provider.name()
    val least = leastOf(provider)
    lazy val kernels = provider.open(2)

    test(s"$name finds the same after appending, cutting, rolling back and forking") {
      for (seed <- 1 to lessOn(provider, 4)) {
        val random = new Random(seed)
        var caches = Vector(new KvCache(shape, KvMemory.UNLIMITED, kernels.memory()))
        try {
          for (_ <- caches) {
            write(caches.head, least + 552, random)
            caches.head.commit()
          }
          for (step <- 0 until 30) {
            val at = random.nextInt(caches.size)
            val cache = caches(at)
            random.nextInt(6) match {
              case 0 if caches.size < 3 => caches = caches :+ cache.fork()
              case 1 if cache.length() > least + 352 =>
                cache.truncate(cache.length() - 1 - random.nextInt(200))
              case 2 =>
                write(cache, 1 + random.nextInt(100), random)
                cache.rollback()
              case 3 if caches.size > 1 =>
                cache.close()
                caches = caches.patch(at, Nil, 1)
              case _ =>
                write(cache, 1 + random.nextInt(100), random)
                cache.commit()
            }
            for (cache <- caches; layer <- 0 until 2) checkSame(kernels, cache, layer, 1000 * seed + step)
          }
        } finally caches.foreach(_.close())
      }
    }

    test(s"$name finds what was written where a full page was cut") {
      val random = new Random(8)
      val cache = new KvCache(shape, KvMemory.UNLIMITED, kernels.memory())
      try {
        val tokens = least + 18 * 64
        write(cache, tokens, random)
        cache.commit()
        checkSame(kernels, cache, 0, 1)
        // no page goes with these tokens, and the best keys come after them
        cache.truncate(tokens - 50)
        write(cache, 2 * 64, random, size = 10)
        cache.commit()
        val found = checkSame(kernels, cache, 0, 2)
        assert(found.rows().forall(_ >= tokens - 50))
      } finally cache.close()
    }

    test(s"$name finds the same while pages move to disk, and sketches are forgotten and made again") {
      val page = 64 * shape.bytesPerToken()
      val scale = least / 2048
      val before = Memory.allocatedBytes()
      TempDirectory.use { directory =>
        val memory = new KvMemory(100 * scale * page, directory)
        val random = new Random(7)
        def empty() = new KvCache(shape, memory, kernels.memory())
        var caches = Vector(empty(), empty())
        var moved, stayed = 0
        try
          for (step <- 0 until lessOn(provider, 40)) {
            val at = random.nextInt(2)
            if (caches(at).length() > 5000 * scale) {
              caches(at).close()
              caches = caches.updated(at, empty())
            }
            val tokens = 1 + random.nextInt(scale * (if (caches(at).length() < 2400 * scale) 2400 else 600))
            caches(at).admit(tokens, () => false)
            write(caches(at), tokens, random)
            caches(at).commit()
            for (cache <- caches; layer <- 0 until 2 if cache.length() > 150) {
              if (cache.diskBytes() > 0) moved += 1 else stayed += 1
              // a list of other candidates takes the place of the one that is kept
              checkSame(kernels, cache, layer, step, if (step % 5 == 4) 100 else 32)
            }
          }
        finally caches.foreach(_.close())
        assert(
          moved > lessOn(provider, 10) && stayed > lessOn(provider, 10),
          s"$moved searches with pages on disk, $stayed without"
        )
      }
      assert(Memory.allocatedBytes() == before)
    }
  }

  for (provider <- processors) {
    val name = provider.name()
    lazy val kernels = provider.open(2)

    test(s"$name scores fewer keys than there are, and says how many") {
      val random = new Random(5)
      val cache = new KvCache(shape)
      try {
        write(cache, 20000, random)
        cache.commit()
        val pairs = HEADS * (20000L - 42)
        val found = checkSame(kernels, cache, 0, 1)
        assert(found.rescored() > 0 && found.rescored() < pairs / 4, s"${found.rescored()} of $pairs")
        assert(ask(reference, cache, 0, 1, K).rescored() == pairs)
        assert(cache.sketchBytes() > 0)
      } finally cache.close()
    }
  }

  for (provider <- searching) {
    val name = provider.name()
    val least = leastOf(provider)
    lazy val kernels = provider.open(2)

    test(s"$name makes sketches of full pages only, and frees them with their pages") {
      val random = new Random(6)
      val before = Memory.allocatedBytes()
      val cache = new KvCache(shape, KvMemory.UNLIMITED, kernels.memory())
      val tokens = least + 952
      write(cache, tokens, random)
      // reserved rows can still be given up
      ask(kernels, cache, 0, 1, 4)
      assert(cache.sketchBytes() == 0)
      cache.commit()
      ask(kernels, cache, 0, 1, 4)
      val full = cache.sketchBytes()
      val page = full / (tokens / 64 - 1)
      // the page of the first tokens is not searched as a whole, the last is not full
      assert(full == (tokens / 64 - 1) * page && page > 0)
      ask(kernels, cache, 1, 1, 4)
      assert(cache.sketchBytes() == full, "all layers of a page share one block")
      val fork = cache.fork()
      assert(fork.sketchBytes() == full)
      fork.truncate(tokens - 100)
      write(fork, 1, random)
      assert(fork.sketchBytes() == full - page, "a page that was written has none")
      assert(cache.sketchBytes() == full)
      fork.rollback()
      fork.close()
      cache.truncate(tokens - 200)
      assert(cache.sketchBytes() == full - 2 * page, "a page that is gone has none")
      write(cache, 1, random)
      assert(cache.sketchBytes() == full - 3 * page)
      cache.close()
      assert(Memory.allocatedBytes() == before)
    }

    test(s"$name makes no sketches for fewer tokens") {
      val random = new Random(9)
      val cache = new KvCache(shape, KvMemory.UNLIMITED, kernels.memory())
      try {
        // of those before the first candidate and behind the last there are 42
        write(cache, least + 41, random)
        cache.commit()
        ask(kernels, cache, 0, 1, 4)
        assert(cache.sketchBytes() == 0)
        write(cache, 1, random)
        cache.commit()
        ask(kernels, cache, 0, 1, 4)
        assert(cache.sketchBytes() > 0)
      } finally cache.close()
    }
  }

  for (provider <- cards) {
    val name = provider.name()
    lazy val kernels = provider.open(2)

    test(s"$name scores few keys where some are better than all others, and votes alike") {
      val random = new Random(5)
      val cache = new KvCache(shape, KvMemory.UNLIMITED, kernels.memory())
      try {
        write(cache, 16500, random)
        cache.commit()
        write(cache, 30, random, size = 4)
        cache.commit()
        val pairs = HEADS * (16530L - 42)
        for (layer <- 0 until 2) {
          val found = checkSame(kernels, cache, layer, 1)
          assert(found.rescored() > 0 && found.rescored() < pairs / 4, s"${found.rescored()} of $pairs")
          def votes[A](count: TopKeysRequest => A) = asking(cache, layer, 1, K, 32)(count)
          def tokens(kernels: Kernels) =
            votes(keys =>
              kernels.votes(new VotesRequest(keys, VotesRequest.Order.VOTES, Long.MaxValue))
            ).toSeq
          assert(tokens(kernels) == tokens(reference))
        }
      } finally cache.close()
    }
  }
}
