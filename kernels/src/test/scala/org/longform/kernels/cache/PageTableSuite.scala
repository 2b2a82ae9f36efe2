package org.longform.kernels.cache

import java.util.Optional

import scala.collection.mutable
import scala.util.Random

import org.longform.kernels.tensor.{Memory, MemorySource}
import org.scalatest.funsuite.AnyFunSuite

class PageTableSuite extends AnyFunSuite {
  private val store =
    new PageStore(new KvShape(1, 1, 1), KvMemory.UNLIMITED, MemorySource.HOST, Optional.empty())

  private def content(table: PageTable): Map[Long, Page] = {
    val found = mutable.Map[Long, Page]()
    table.forEach((number, page) => assert(found.put(number, page).isEmpty))
    found.toMap
  }

  test("a table agrees with a map, however sparse it is") {
    val before = Memory.allocatedBytes()
    for (seed <- 1L to 20L) {
      val random = new Random(seed)
      val table = new PageTable
      var expected = Map[Long, Page]()
      // numbers within a stretch, at its borders, and far beyond
      def number(): Long = random.nextInt(4) match {
        case 0 => random.nextInt(10).toLong
        case 1 => 1020L + random.nextInt(10)
        case 2 => 1024L * random.nextInt(4000) + random.nextInt(2)
        case _ => random.nextInt(5000).toLong
      }
      for (_ <- 1 to 300) {
        if (random.nextInt(8) == 0) {
          val from = number()
          val to = if (random.nextInt(5) == 0) Long.MaxValue else from + random.nextInt(3000)
          table.drop(from, to)
          expected = expected.filterNot { case (at, _) => at >= from && at < to }
        } else {
          val at = number()
          expected.get(at).foreach(_.release())
          val page = store.allocate()
          table.put(at, page)
          expected += at -> page
        }
        assert(table.size() == expected.size)
      }
      assert(content(table) == expected, s"seed $seed")
      for (at <- 0L until 6000L) assert((table.get(at) eq null) == !expected.contains(at))
      assert(table.get(1L << 40) == null)
      table.drop(0, Long.MaxValue)
      assert(table.size() == 0 && content(table).isEmpty)
    }
    assert(Memory.allocatedBytes() == before)
  }

  test("a cache of ten million tokens that retains a window has the memory of the window") {
    val block = 512
    val window = 2000L
    val cache = new KvCache(new KvShape(1, 1, 1))
    try {
      val before = Memory.allocatedBytes()
      var length = 0L
      var most = 0L
      while (length < 10000000L) {
        cache.reserve(block)
        most = math.max(most, Memory.allocatedBytes() - before)
        cache.commit()
        length += block
        cache.retain(
          Rows.builder().range(0, math.min(10, length)).range(math.max(10, length - window), length).build()
        )
      }
      assert(cache.length() == length && cache.held().count(0) == 10 + window)
      // first tokens, window and block, each on pages it may not fill
      assert(most <= (1 + (window + block) / 64 + 3) * 64 * cache.shape().bytesPerToken())
      assert(cache.bytes() <= (1 + window / 64 + 2) * 64 * cache.shape().bytesPerToken())
    } finally cache.close()
  }

  test("what is not kept is dropped, whatever ranges are held and kept") {
    for (seed <- 1L to 200L) {
      val random = new Random(seed)
      val cache = new KvCache(new KvShape(1, 1, 1))
      try {
        cache.reserve(64 * 40)
        cache.commit()
        // twice: the second time from a list with gaps
        for (_ <- 1 to 2) {
          val builder = Rows.builder()
          for (i <- 0 until cache.held().ranges(0)) {
            var at = cache.held().start(0, i)
            while (at < cache.held().end(0, i)) {
              val to = math.min(cache.held().end(0, i), at + 1 + random.nextInt(300))
              if (random.nextBoolean()) builder.range(at, to)
              at = to
            }
          }
          val kept = builder.build()
          cache.retain(kept)
          val pages = kept.toArray(0).map(_ / 64).distinct
          assert(cache.bytes() == pages.length * 64 * cache.shape().bytesPerToken(), s"seed $seed")
          for (row <- kept.toArray(0)) assert(cache.page(row) != null)
        }
      } finally cache.close()
    }
  }
}
