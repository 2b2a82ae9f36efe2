package org.longform.kernels.cache

import java.nio.file.{Files, Path}
import java.util.Random

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.Tensor
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** What a cache does, for each way of storing keys and values, with the pages in memory, in pinned memory and
  * on disk.
  */
class KvCacheSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val directory: Path = Files.createTempDirectory("kv-cache-suite")

  // fails if a file with a name is left
  override def afterAll(): Unit = Files.delete(directory)

  for (dtype <- KvDType.values) {
    new Behaviour(s"$dtype in memory", dtype, KvMemory.UNLIMITED)
    // without any budget everything that may go to disk does
    new Behaviour(s"$dtype on disk", dtype, new KvMemory(0, directory))
    new Behaviour(s"$dtype in pinned memory", dtype, pinned)
  }
  new Behaviour("layers of different heads in memory", KvDType.F16, KvMemory.UNLIMITED, Array(3, 1))
  new Behaviour("layers of different heads on disk", KvDType.F16, new KvMemory(0, directory), Array(3, 1))
  new Behaviour("layers of different heads in pinned memory", KvDType.F16, pinned, Array(3, 1))

  private def pinned = new KvMemory(0, Long.MaxValue, directory)

  private class Behaviour(name: String, dtype: KvDType, memory: KvMemory, heads: Array[Int] = Array(3, 3)) {
    private val shape = new KvShape(heads, 4, dtype)

    private val device = Some(new SmallDevice(Int.MaxValue)).filter(_ => memory.pinnedBudgetBytes() > 0)

    private def newCache(): KvCache =
      device.fold(new KvCache(shape, memory))(own => new KvCache(shape, memory, own, own.pinnedMemory))

    /** Number d of a head's four: they tell layer, token, head and which document wrote it. Every dtype holds
      * whole numbers up to 127 exactly where one of them is 127.
      */
    private def mark(layer: Int, token: Long, head: Int, d: Int, author: Int): Float = {
      val code = ((author * 2L + layer) * 3 + head) * 2600 + token
      if (d == 3) 127 else ((code / math.pow(127, d).toLong) % 127).toFloat
    }

    private def fill(cache: KvCache, tokens: Int, author: Int): Unit = {
      val first = cache.length()
      for (layer <- 0 until shape.layers()) {
        val width = heads(layer) * 4
        def block(sign: Float) = Tensor.of(
          Array.tabulate(tokens * width) { i =>
            sign * mark(layer, first + i / width, i % width / 4, i % 4, author)
          },
          tokens.toLong,
          width.toLong
        )
        val keys = block(1)
        val values = block(-1)
        try cache.put(layer, keys, values)
        finally {
          keys.close()
          values.close()
        }
      }
    }

    private def append(cache: KvCache, tokens: Int, author: Int): Unit = {
      cache.reserve(tokens)
      fill(cache, tokens, author)
      cache.commit()
    }

    private def check(cache: KvCache, row: Long, author: Int): Unit = {
      val target = new Array[Float](4)
      for (layer <- 0 until 2; g <- 0 until heads(layer)) {
        val view = cache.view(layer)
        val expected = (0 until 4).map(mark(layer, row, g, _, author))
        view.readKey(g, row, target)
        assert(target.toSeq == expected, s"key $row")
        view.readValue(g, row, target)
        assert(target.toSeq == expected.map(-_), s"value $row")
      }
    }

    private def withCache[A](body: KvCache => A): A = {
      val cache = newCache()
      try body(cache)
      finally cache.close()
    }

    private val pageBytes = shape.bytesPerToken() * 64

    test(s"$name: tokens are read back, whatever the blocks they came in") {
      withCache { cache =>
        Seq(1, 63, 1, 128, 7).foreach(append(cache, _, 1))
        assert(cache.length() == 200 && cache.held() == Rows.range(0, 200))
        for (row <- 0L until 200L) check(cache, row, 1)
        assert(cache.bytes() == 4 * pageBytes)
      }
    }

    test(s"$name: reserved rows are in views at once and part of the document after commit") {
      withCache { cache =>
        append(cache, 60, 1)
        cache.reserve(10)
        assert(cache.view(0).held() == Rows.range(0, 70) && cache.view(0).end() == 70)
        assert(cache.held() == Rows.range(0, 60) && cache.length() == 60)
        fill(cache, 10, 1)
        check(cache, 69, 1)
        cache.commit()
        assert(cache.held() == Rows.range(0, 70))
      }
    }

    test(s"$name: rows that lie side by side are announced up to the end of their page") {
      withCache { cache =>
        append(cache, 200, 1)
        val view = cache.view(1)
        assert(view.contiguous(0, 200) == 64 && view.contiguous(60, 200) == 4)
        assert(view.contiguous(130, 140) == 10)
        assert(view.keyAddress(61, device.orNull) - view.keyAddress(60, device.orNull) == shape.rowBytes())
        assert(view.holds(3, 200) && !view.holds(3, 201))
      }
    }

    test(s"$name: a rollback gives reserved rows and their pages up") {
      withCache { cache =>
        append(cache, 60, 1)
        cache.reserve(100)
        assert(cache.bytes() == 3 * pageBytes)
        cache.rollback()
        assert(cache.bytes() == pageBytes && cache.view(0).end() == 60)
        assert(cache.view(0).held() == Rows.range(0, 60))
        append(cache, 10, 2)
        check(cache, 59, 1)
        check(cache, 60, 2)
      }
    }

    test(s"$name: a fork shares the past and copies only the page it writes to") {
      withCache { cache =>
        append(cache, 100, 1)
        val fork = cache.fork()
        try {
          append(fork, 50, 2)
          append(cache, 20, 3)
          for (row <- 0L until 100L) {
            check(cache, row, 1)
            check(fork, row, 1)
          }
          for (row <- 100L until 120L) check(cache, row, 3)
          for (row <- 100L until 150L) check(fork, row, 2)
          assert(cache.view(0).keyAddress(0, device.orNull) == fork.view(0).keyAddress(0, device.orNull))
          assert(cache.view(0).keyAddress(64, device.orNull) != fork.view(0).keyAddress(64, device.orNull))
        } finally fork.close()
        for (row <- 0L until 100L) check(cache, row, 1)
      }
    }

    test(s"$name: a fork outlives the document it came from") {
      val cache = newCache()
      append(cache, 100, 1)
      val fork = cache.fork()
      cache.close()
      try for (row <- 0L until 100L) check(fork, row, 1)
      finally fork.close()
      assert(fork.bytes() == 0 && cache.bytes() == 0)
    }

    test(s"$name: a truncated document goes on with other tokens and leaves its forks alone") {
      withCache { cache =>
        append(cache, 200, 1)
        val fork = cache.fork()
        try {
          cache.truncate(70)
          assert(cache.length() == 70 && cache.held() == Rows.range(0, 70))
          assert(cache.bytes() == 2 * pageBytes)
          append(cache, 10, 2)
          check(cache, 69, 1)
          check(cache, 70, 2)
          for (row <- 0L until 200L) check(fork, row, 1)
        } finally fork.close()
        for (wrong <- Seq(-1L, 81L)) {
          assert(
            intercept[LongformException](cache.truncate(wrong)).getMessage ==
              s"Cannot truncate to $wrong tokens: the cache has 80."
          )
        }
      }
    }

    test(s"$name: retaining frees whole pages and keeps the indices of the tokens") {
      withCache { cache =>
        append(cache, 300, 1)
        val kept = Rows.builder().range(0, 4).range(200, 300).build()
        cache.retain(kept)
        // of pages 0 to 4, page 1 and 2 have no kept token
        assert(cache.bytes() == 3 * pageBytes)
        assert(cache.length() == 300 && cache.held() == kept && cache.view(0).held() == kept)
        append(cache, 5, 2)
        assert(cache.held() == Rows.builder().range(0, 4).range(200, 305).build())
        check(cache, 3, 1)
        check(cache, 299, 1)
        check(cache, 304, 2)
      }
    }

    test(s"$name: retaining nothing but reading on works") {
      withCache { cache =>
        append(cache, 70, 1)
        cache.retain(Rows.none())
        assert(cache.bytes() == 0)
        append(cache, 3, 2)
        assert(cache.held() == Rows.range(70, 73))
        check(cache, 70, 2)
      }
    }

    test(s"$name: what is not held cannot be retained, nor rows that are only reserved") {
      withCache { cache =>
        append(cache, 10, 1)
        val refused = intercept[LongformException](cache.retain(Rows.range(5, 11)))
        assert(refused.errorClass() == ErrorClass.INVALID_PLAN)
        assert(
          refused.getMessage ==
            "Cannot retain Rows{5..11}: the cache holds Rows{0..10} and has 0 reserved rows. Retain a part of one list after a commit."
        )
        cache.reserve(2)
        intercept[LongformException](cache.retain(Rows.range(5, 6)))
        cache.rollback()
        cache.retain(Rows.range(5, 6))
        assert(cache.held() == Rows.range(5, 6))
      }
    }

    test(s"$name: wrong sizes and a second reservation are refused") {
      withCache { cache =>
        cache.reserve(2)
        assert(
          intercept[LongformException](cache.reserve(1)).getMessage ==
            "Cannot reserve 1 rows: 2 are reserved already."
        )
        val keys = Tensor.allocate(2, 11)
        try {
          assert(
            intercept[LongformException](cache.put(0, keys, keys)).getMessage ==
              "Cannot store keys [2, 11] and values [2, 11]: 2 rows of 12 are reserved."
          )
        } finally keys.close()
      }
    }

    test(s"$name: random histories agree with a list of tokens") {
      val seed = 7L
      val random = new Random(seed)
      for (round <- 0 until 20) withClue(s"seed $seed, round $round: ") {
        var caches = Seq((newCache(), Map.empty[Long, Int]))
        try {
          for (step <- 1 to 25) {
            val at = random.nextInt(caches.size)
            val (cache, tokens) = caches(at)
            val length = cache.length()
            random.nextInt(5) match {
              case 0 | 1 =>
                val count = 1 + random.nextInt(90)
                append(cache, count, step)
                val added = (length until length + count).map(_ -> step)
                caches = caches.updated(at, (cache, tokens ++ added))
              case 2 =>
                val newLength = random.nextInt(length.toInt + 1).toLong
                cache.truncate(newLength)
                caches = caches.updated(at, (cache, tokens.filter(_._1 < newLength)))
              case 3 =>
                val kept = tokens.filter(_ => random.nextInt(4) != 0)
                cache.retain(Rows.of(kept.keys.toSeq.sorted: _*))
                caches = caches.updated(at, (cache, kept))
              case _ =>
                if (caches.size < 4) caches = caches :+ ((cache.fork(), tokens))
            }
          }
          for ((cache, tokens) <- caches) {
            assert(cache.held() == Rows.of(tokens.keys.toSeq.sorted: _*))
            assert(cache.bytes() <= ((cache.length() + 63) / 64) * pageBytes)
            for ((row, author) <- tokens) check(cache, row, author)
          }
        } finally caches.foreach(_._1.close())
      }
    }

    test(s"$name: pages that moved are counted apart, and nothing is left") {
      withCache { cache =>
        Seq.fill(10)(100).foreach(append(cache, _, 1))
        val moved = if (memory.budgetBytes() == 0) 12 else 0
        val pinned = memory.pinnedBudgetBytes() > 0
        assert(cache.bytes() == 16 * pageBytes)
        assert(cache.diskBytes() == (if (pinned) 0 else moved * pageBytes))
        assert(cache.pinnedBytes() == (if (pinned) moved * pageBytes else 0))
        assert(memory.diskBytes() == cache.diskBytes() && memory.pinnedBytes() == cache.pinnedBytes())
        for (row <- 0L until 1000L) check(cache, row, 1)
      }
      assert(memory.diskBytes() == 0 && memory.pinnedBytes() == 0)
      if (memory.budgetBytes() == 0) assert(memory.memoryBytes() == 0)
    }
  }
}
