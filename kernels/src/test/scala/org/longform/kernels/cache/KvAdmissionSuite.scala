package org.longform.kernels.cache

import java.nio.file.Path
import java.util.concurrent.atomic.{AtomicBoolean, AtomicInteger}
import java.util.function.BooleanSupplier

import org.longform.kernels.cache.SmallDocuments.{PAGE, SHAPE, SKETCH, using}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.{Memory, MemorySource}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Documents that are read at once wait for memory, or send others to disk. */
class KvAdmissionSuite extends AnyFunSuite {
  private val never: BooleanSupplier = () => false

  private def append(cache: KvCache, tokens: Int, during: => Unit = ()): Unit = {
    cache.admit(tokens, never)
    SmallDocuments.append(cache, tokens, during)
  }

  private def check(cache: KvCache): Unit = SmallDocuments.check(cache, 0, cache.length())

  /** Sketches of every full page, as a device makes them. */
  private def sketch(cache: KvCache): Int =
    (0L until cache.length() / 64).count(page =>
      cache.view(0).sketches(page * 64, SKETCH, MemorySource.HOST) != null
    )

  private def inThread(body: => Unit): Thread = {
    val thread = new Thread(() => body)
    thread.start()
    thread
  }

  test("a document that comes late sends an idle one to disk down to its share, and memory stays in budget") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(20 * PAGE, directory)
      val early = new KvCache(SHAPE, memory)
      val late = new KvCache(SHAPE, memory)
      using(early, late) {
        append(early, 64 * 20)
        assert(memory.memoryBytes() == 20 * PAGE && early.diskBytes() == 0)
        for (_ <- 1 to 9) append(late, 64)
        assert(late.diskBytes() == 0 && early.diskBytes() > 0)
        assert(memory.peakMemoryBytes() <= 20 * PAGE)
        check(early)
        check(late)
        for (_ <- 1 to 30) {
          append(late, 64)
          append(early, 64)
        }
        assert(memory.peakMemoryBytes() <= 20 * PAGE)
        check(early)
        check(late)
      }
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
  }

  test("threads with a document each, which together exceed the budget, never take more than it has") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(9 * PAGE, directory)
      val failures = new AtomicInteger
      val threads = (1 to 3).map { number =>
        inThread {
          try {
            val cache = new KvCache(SHAPE, memory)
            using(cache) {
              for (round <- 1 to 80) {
                append(cache, 40 + number)
                if (round % 10 == 0) {
                  val fork = cache.fork()
                  using(fork) {
                    for (_ <- 1 to 70) append(fork, 1)
                    check(fork)
                  }
                }
              }
              check(cache)
            }
          } catch {
            case e: Throwable =>
              e.printStackTrace()
              failures.incrementAndGet()
          }
        }
      }
      threads.foreach(_.join(60000))
      assert(threads.forall(!_.isAlive) && failures.get() == 0)
      assert(memory.peakMemoryBytes() > 6 * PAGE && memory.peakMemoryBytes() <= 9 * PAGE)
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
  }

  test("a block waits for another document that is being read, not beyond its block") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(10 * PAGE, directory)
      val first = new KvCache(SHAPE, memory)
      val second = new KvCache(SHAPE, memory)
      using(first, second) {
        val read = new AtomicBoolean
        var waiter: Thread = null
        append(
          first,
          64 * 10, {
            waiter = inThread {
              append(second, 64)
              read.set(true)
            }
            Thread.sleep(300)
            assert(!read.get(), "nothing of a block that is being read can move")
          }
        )
        waiter.join(20000)
        assert(read.get() && first.diskBytes() > 0)
        assert(memory.peakMemoryBytes() == 10 * PAGE)
      }
    }
  }

  test("a row that waits for memory can be cancelled") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(2 * PAGE, directory)
      val first = new KvCache(SHAPE, memory)
      val second = new KvCache(SHAPE, memory)
      using(first, second) {
        append(
          first,
          128, {
            val refused = intercept[LongformException](second.admit(64, () => true))
            assert(refused.errorClass() == ErrorClass.CANCELLED)
            assert(
              refused.getMessage ==
                f"Cannot read on: the row was cancelled while it waited for memory (${2 * PAGE}%,d of ${2 * PAGE}%,d bytes are taken). Run it again."
            )
          }
        )
        append(second, 64)
        assert(memory.peakMemoryBytes() == 2 * PAGE)
      }
    }
  }

  test("a block larger than the budget is read alone, and what is admitted but not read is given back") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(2 * PAGE, directory)
      val large = new KvCache(SHAPE, memory)
      val small = new KvCache(SHAPE, memory)
      using(large, small) {
        append(small, 100)
        append(large, 64 * 5)
        assert(memory.memoryBytes() == 5 * PAGE && small.diskBytes() == 2 * PAGE)
        small.admit(64, never)
        small.admit(64, never)
        small.rollback()
        append(small, 30)
        check(small)
        check(large)
        assert(memory.memoryBytes() <= 3 * PAGE)
      }
      assert(memory.memoryBytes() == 0)
    }
  }

  test("sketches count, come before pages and are not made where they do not fit") {
    TempDirectory.use { directory =>
      val bytes = PageSketches.bytes(SHAPE, SKETCH)
      val memory = new KvMemory(8 * PAGE, directory)
      val before = Memory.allocatedBytes()
      val cache = new KvCache(SHAPE, memory)
      using(cache) {
        append(cache, 64 * 7)
        assert(memory.memoryBytes() == 7 * PAGE)
        assert(sketch(cache) == 7)
        assert(memory.memoryBytes() == 7 * PAGE + 7 * bytes && cache.sketchBytes() == 7 * bytes)
        for (_ <- 1 to 40) {
          append(cache, 64)
          sketch(cache)
        }
        assert(memory.peakMemoryBytes() <= 8 * PAGE)
        assert(cache.sketchBytes() > 7 * bytes && cache.diskBytes() > 0)
        check(cache)
        val other = new KvCache(SHAPE, memory)
        using(other) {
          append(other, 64 * 8)
          assert(cache.sketchBytes() < 40 * bytes && memory.peakMemoryBytes() <= 8 * PAGE)
        }
        cache.truncate(100)
      }
      assert(memory.memoryBytes() == 0 && Memory.allocatedBytes() == before)
    }
  }

  test("without memory for sketches a search reads the keys themselves") {
    TempDirectory.use { directory =>
      val cache = new KvCache(SHAPE, new KvMemory(PAGE, directory))
      using(cache) {
        append(cache, 64 * 3)
        assert(sketch(cache) == 0 && cache.sketchBytes() == 0)
      }
    }
  }
}
