package org.longform.kernels.cache

import org.longform.kernels.cache.SmallDocuments._
import org.longform.kernels.error.LongformException
import org.longform.kernels.tensor.{Memory, MemorySource}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Pages that move to pinned memory of the host, where a device reads that, before they go to disk. */
class PinnedPagesSuite extends AnyFunSuite {
  private def cacheOn(device: SmallDevice, memory: KvMemory): KvCache =
    new KvCache(SHAPE, memory, device, device.pinnedMemory)

  private def places(cache: KvCache): Seq[String] =
    (0L until (cache.length() + 63) / 64).map { number =>
      val page = cache.page(number * 64)
      assert(page.isHome != (page.isPinned || page.onDisk()) && !(page.isPinned && page.onDisk()))
      if (page.isHome) "home" else if (page.isPinned) "pinned" else "disk"
    }

  /** Leaves nothing behind, wherever it was. */
  private def withMemory(budget: Long, pinned: Long)(body: KvMemory => Unit): Unit = {
    val before = Memory.allocatedBytes()
    TempDirectory.use { directory =>
      val memory = new KvMemory(budget, pinned, directory)
      body(memory)
      assert(memory.memoryBytes() == 0 && memory.pinnedBytes() == 0 && memory.diskBytes() == 0)
    }
    assert(Memory.allocatedBytes() == before)
  }

  test("beyond the budget the oldest pages go to pinned memory, and beyond that to disk") {
    withMemory(10 * PAGE, 20 * PAGE) { memory =>
      val device = new SmallDevice(1000)
      val cache = cacheOn(device, memory)
      using(cache) {
        for (_ <- 1 to 80) {
          append(cache, 50)
          assert(memory.memoryBytes() <= 10 * PAGE && memory.pinnedBytes() <= 20 * PAGE)
          assert(memory.diskBytes() == 0 || memory.pinnedBytes() == 20 * PAGE)
          assert(memory.memoryBytes() + memory.pinnedBytes() + memory.diskBytes() == cache.bytes())
        }
        assert(cache.pinnedBytes() == 20 * PAGE && cache.diskBytes() == memory.diskBytes())
        val found = places(cache)
        assert(
          found == "home" +: Seq.fill(20)("pinned") ++: Seq.fill(34)("disk") ++: Seq.fill(8)("home")
        )
        check(cache, 0, 4000)
      }
    }
  }

  test("a device reads pinned pages as its own, and is told that they moved") {
    withMemory(4 * PAGE, 100 * PAGE) { memory =>
      val device = new SmallDevice(1000)
      val cache = cacheOn(device, memory)
      using(cache) {
        append(cache, 64 * 4)
        val (moves, address) = (cache.view(0).moves(), cache.view(0).keyAddress(64, device))
        append(cache, 64)
        val view = cache.view(0)
        assert(cache.page(64).isPinned && view.isIn(device, 64) && view.isSettled(cache.length()))
        assert(view.moves() > moves && view.keyAddress(64, device) != address)
        assert(device.isPinned(view.keyAddress(64, device)) && !device.isPinned(view.keyAddress(0, device)))
        assert(intercept[IllegalStateException](view.keyAddress(64)).getMessage.startsWith("Cannot give"))
      }
    }
  }

  test("a full device gives its oldest pages to pinned memory and keeps their sketches") {
    withMemory(1000 * PAGE, 5 * PAGE) { memory =>
      // eight pages, and sketches of them
      val device = new SmallDevice(16)
      val cache = cacheOn(device, memory)
      using(cache) {
        append(cache, 64 * 8)
        assert(sketch(cache, device).size == 8)
        val forgotten = cache.view(0).sketchesForgotten()
        append(cache, 64 * 3)
        assert(places(cache) == "home" +: Seq.fill(3)("pinned") ++: Seq.fill(7)("home"))
        assert(cache.view(0).sketchesForgotten() == forgotten)
        assert(sketch(cache, device).take(8) == (0L until 8L))
        append(cache, 64 * 3)
        assert(memory.pinnedBytes() == 5 * PAGE && memory.diskBytes() == 0)
        assert(cache.view(0).sketchesForgotten() > forgotten, "sketches go before pages go to disk")
        append(cache, 64 * 10)
        assert(memory.pinnedBytes() == 5 * PAGE && memory.diskBytes() > 0)
        check(cache, 0, cache.length())
      }
    }
  }

  test("beyond the budget sketches go when pinned memory is full, too") {
    withMemory(8 * PAGE, 2 * PAGE) { memory =>
      val device = new SmallDevice(1000)
      val cache = cacheOn(device, memory)
      using(cache) {
        append(cache, 64 * 7)
        assert(sketch(cache, device).size == 7)
        append(cache, 64 * 2)
        assert(cache.sketchBytes() == 7 * PageSketches.bytes(SHAPE, SKETCH) && memory.diskBytes() == 0)
        append(cache, 64 * 2)
        assert(memory.pinnedBytes() == 2 * PAGE && memory.memoryBytes() <= 8 * PAGE)
        assert(cache.sketchBytes() < 7 * PageSketches.bytes(SHAPE, SKETCH))
        check(cache, 0, cache.length())
      }
    }
  }

  test("a pinned page that is written again comes home first, and forks share it where it is") {
    withMemory(0, 100 * PAGE) { memory =>
      val device = new SmallDevice(1000)
      val cache = cacheOn(device, memory)
      using(cache) {
        append(cache, 640)
        append(cache, 1)
        val fork = cache.fork()
        using(fork) {
          fork.truncate(200)
          assert(fork.page(199).isPinned)
          append(fork, 30)
          assert(fork.page(199).isHome && cache.page(199).isPinned)
          check(fork, 0, 230)
          check(cache, 0, 641)
        }
        cache.truncate(200)
        assert(cache.page(199).isPinned)
        cache.reserve(1)
        assert(cache.page(199).isHome)
        cache.rollback()
        append(cache, 300)
        append(cache, 1)
        check(cache, 0, 501)
        cache.retain(Rows.builder().range(0, 10).range(450, 501).build())
        assert(cache.pinnedBytes() == memory.pinnedBytes() && memory.pinnedBytes() <= PAGE)
      }
    }
  }

  test("shared pages stay where they are while another cache is reading them, and move later") {
    withMemory(11 * PAGE, 100 * PAGE) { memory =>
      val device = new SmallDevice(1000)
      val first = cacheOn(device, memory)
      using(first) {
        append(first, 640)
        val second = first.fork()
        using(second) {
          second.reserve(5)
          val address = second.view(0).keyAddress(100, device)
          append(first, 64)
          assert(second.view(0).keyAddress(100, device) == address && first.page(100).isHome)
          second.rollback()
          append(first, 64)
          assert(first.page(100).isPinned && second.page(100).isPinned && memory.diskBytes() == 0)
          check(first, 0, 768)
          check(second, 0, 640)
        }
      }
    }
  }

  test("a document that is not being read gives its pages to pinned memory for another") {
    withMemory(1000 * PAGE, 3 * PAGE) { memory =>
      val device = new SmallDevice(8)
      val idle = cacheOn(device, memory)
      val other = cacheOn(device, memory)
      using(idle, other) {
        append(idle, 64 * 7)
        append(other, 64)
        idle.whilePinned { () =>
          assert(intercept[LongformException](other.reserve(64)).getMessage == "The device is full.")
          other.rollback()
        }
        append(other, 64)
        assert(idle.pinnedBytes() == PAGE && memory.diskBytes() == 0)
        append(other, 64)
        append(other, 64)
        append(other, 64 * 2)
        assert(memory.pinnedBytes() == 3 * PAGE && memory.diskBytes() > 0)
        check(idle, 0, idle.length())
        check(other, 0, other.length())
      }
    }
  }

  test("of the budget beyond which blocks wait, idle documents give to pinned memory first") {
    withMemory(10 * PAGE, 4 * PAGE) { memory =>
      val device = new SmallDevice(1000)
      val idle = cacheOn(device, memory)
      val other = cacheOn(device, memory)
      using(idle, other) {
        append(idle, 64 * 10)
        other.admit(64 * 3, () => false)
        append(other, 64 * 3)
        assert(idle.pinnedBytes() == 3 * PAGE && memory.diskBytes() == 0)
        other.admit(64 * 2, () => false)
        append(other, 64 * 2)
        assert(memory.pinnedBytes() == 4 * PAGE && memory.diskBytes() == PAGE)
        check(idle, 0, idle.length())
        check(other, 0, other.length())
      }
    }
  }

  test("where the operating system pins no more, the rest goes to disk and nobody asks again") {
    withMemory(3 * PAGE, 100 * PAGE) { memory =>
      val device = new SmallDevice(1000, pinned = 2)
      val cache = cacheOn(device, memory)
      using(cache) {
        for (_ <- 1 to 10) append(cache, 64)
        assert(memory.pinnedBytes() == 2 * PAGE && memory.pinnedBudgetBytes() == 2 * PAGE)
        assert(memory.diskBytes() == 5 * PAGE && device.askedPinned == 3)
        check(cache, 0, cache.length())
      }
      assert(memory.pinnedBudgetBytes() == 2 * PAGE)
    }
  }

  test("without a place on disk pinned memory is all there is") {
    val memory = new KvMemory(Long.MaxValue, 3 * PAGE, null, _ => throw new UnsupportedOperationException)
    val device = new SmallDevice(4)
    val cache = cacheOn(device, memory)
    using(cache) {
      for (_ <- 1 to 7) append(cache, 64)
      assert(memory.pinnedBytes() == 3 * PAGE)
      assert(intercept[LongformException](cache.reserve(1)).getMessage == "The device is full.")
      cache.rollback()
      check(cache, 0, 64 * 7)
    }
    assert(memory.pinnedBytes() == 0 && memory.memoryBytes() == 0)
  }

  test("a device that reads no pinned memory gets none") {
    withMemory(2 * PAGE, 100 * PAGE) { memory =>
      val cache = new KvCache(SHAPE, memory, MemorySource.HOST)
      using(cache) {
        for (_ <- 1 to 5) append(cache, 64)
        assert(memory.pinnedBytes() == 0 && memory.diskBytes() == 2 * PAGE)
        check(cache, 0, cache.length())
      }
    }
  }

  test("a number of bytes that is negative is refused") {
    TempDirectory.use { directory =>
      val refused = intercept[IllegalArgumentException](new KvMemory(5, -1, directory))
      assert(refused.getMessage == "Cannot keep keys and values in -1 bytes: the number is negative.")
    }
  }
}
