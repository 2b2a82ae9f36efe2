package org.longform.kernels.cache

import java.nio.channels.FileChannel
import java.nio.file.{Files, Path, StandardOpenOption}
import java.util.concurrent.atomic.{AtomicInteger, AtomicLong}

import scala.collection.mutable
import scala.collection.JavaConverters._

import org.longform.kernels.cache.SmallDocuments._
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.Memory
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Pages that move to disk when memory is short. */
class KvMemorySuite extends AnyFunSuite {
  private def files(directory: Path): Seq[Path] = {
    val listed = Files.list(directory)
    try listed.iterator().asScala.toList
    finally listed.close()
  }

  /** Files of the directory that this process has open, as Linux names them once they have no name. */
  private def unlinked(directory: Path): Seq[String] =
    Files
      .readAllLines(Path.of("/proc/self/maps"))
      .asScala
      .filter(line => line.contains(directory.toString) && line.endsWith("(deleted)"))
      .toSeq

  test("memory stays within the budget, and the oldest pages go first, but not the very first") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(10 * PAGE, directory)
      val cache = new KvCache(SHAPE, memory)
      using(cache) {
        for (i <- 1 to 80) {
          append(cache, 50)
          assert(memory.memoryBytes() <= 10 * PAGE)
        }
        assert(cache.bytes() == 63 * PAGE)
        assert(memory.diskBytes() >= 53 * PAGE && memory.diskBytes() == cache.diskBytes())
        assert(memory.memoryBytes() + memory.diskBytes() == cache.bytes())
        assert(!cache.page(0).onDisk() && cache.page(64).onDisk())
        val places = (1L until 63L).map(number => cache.page(number * 64).onDisk())
        assert(places == places.sorted.reverse)
        check(cache, 0, 4000)
      }
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
  }

  test("the files have no name from the beginning and are gone with the document") {
    TempDirectory.use { directory =>
      val cache = new KvCache(SHAPE, new KvMemory(0, directory))
      using(cache) {
        append(cache, 1000)
        append(cache, 1)
        assert(cache.diskBytes() > 0)
        assert(files(directory).isEmpty)
        assert(unlinked(directory).size == 1)
      }
      assert(unlinked(directory).isEmpty)
    }
  }

  test("room on disk that a document gave up is used again, and empty files are closed") {
    TempDirectory.use { directory =>
      val cache = new KvCache(SHAPE, new KvMemory(0, directory))
      using(cache) {
        // 256 pages make one file
        for (_ <- 1 to 400) append(cache, 64 * 2)
        assert(unlinked(directory).size == 4)
        cache.retain(Rows.builder().range(0, 10).range(64 * 300, cache.length()).build())
        assert(unlinked(directory).size == 3)
        val before = cache.diskBytes()
        for (_ <- 1 to 20) append(cache, 64 * 2)
        assert(cache.diskBytes() > before && unlinked(directory).size == 3)
        check(cache, 64 * 300, cache.length())
        cache.retain(Rows.range(cache.length() - 10, cache.length()))
        assert(cache.diskBytes() == 0 && unlinked(directory).isEmpty)
      }
    }
  }

  test("a page on disk that is written again comes back to memory first") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(0, directory)
      val cache = new KvCache(SHAPE, memory)
      using(cache) {
        append(cache, 640)
        append(cache, 1)
        val fork = cache.fork()
        using(fork) {
          fork.truncate(200)
          assert(fork.page(199).onDisk())
          append(fork, 30)
          check(fork, 0, 230)
          check(cache, 0, 641)
          assert(!fork.page(199).onDisk() && cache.page(199).onDisk())
        }
        cache.truncate(200)
        append(cache, 300)
        append(cache, 1)
        check(cache, 0, 501)
      }
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
  }

  test("shared pages stay where they are while another cache is reading them, and move later") {
    TempDirectory.use { directory =>
      // enough for the document and a fork's new page, not for more
      val memory = new KvMemory(11 * PAGE, directory)
      val first = new KvCache(SHAPE, memory)
      using(first) {
        append(first, 640)
        val second = first.fork()
        using(second) {
          second.reserve(5)
          val address = second.view(0).keyAddress(100)
          append(first, 64)
          assert(second.view(0).keyAddress(100) == address && !first.page(100).onDisk())
          second.rollback()
          append(first, 64)
          assert(first.page(100).onDisk() && second.page(100).onDisk())
          assert(second.diskBytes() > 0)
          check(first, 0, 768)
          check(second, 0, 640)
        }
      }
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
  }

  test("documents share the budget: who comes late gets its part when the others read on") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(20 * PAGE, directory)
      val early = new KvCache(SHAPE, memory)
      val late = new KvCache(SHAPE, memory)
      using(early, late) {
        append(early, 64 * 20)
        assert(early.diskBytes() == 0)
        for (_ <- 1 to 30) {
          append(late, 64)
          append(early, 64)
        }
        def inMemory(cache: KvCache): Long = (cache.bytes() - cache.diskBytes()) / PAGE
        assert(memory.memoryBytes() <= 21 * PAGE)
        assert(inMemory(late) >= 9 && inMemory(early) >= 9, s"${inMemory(late)}, ${inMemory(early)}")
        check(late, 0, late.length())
        check(early, 0, early.length())
      }
    }
  }

  test("threads with a document each and forks of one document agree with the memory alone") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(12 * PAGE, directory)
      val root = new KvCache(SHAPE, memory)
      val failures = new AtomicInteger
      using(root) {
        append(root, 640)
        val caches = Seq.fill(2)(new KvCache(SHAPE, memory)) ++ Seq.fill(3)(root.fork())
        val threads = caches.map { cache =>
          new Thread(() =>
            try
              using(cache) {
                for (round <- 1 to 60) {
                  append(cache, 40)
                  cache.reserve(3)
                  check(cache, 0, cache.length())
                  cache.rollback()
                  if (round % 20 == 0) cache.truncate(cache.length() / 2)
                }
              }
            catch {
              case e: Throwable =>
                e.printStackTrace()
                failures.incrementAndGet()
            }
          )
        }
        threads.foreach(_.start())
        threads.foreach(_.join())
        check(root, 0, 640)
      }
      assert(failures.get() == 0)
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
  }

  test("a directory that is not there is told with the row's block undone") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(0, directory.resolve("missing"))
      val cache = new KvCache(SHAPE, memory)
      using(cache) {
        append(cache, 300)
        val refused = intercept[LongformException](cache.reserve(10))
        assert(refused.errorClass() == ErrorClass.OUT_OF_MEMORY)
        val message = refused.getMessage
        assert(message.startsWith("Cannot move keys and values to disk: java.nio.file.NoSuchFileException: "))
        assert(message.contains(s"(0 bytes are there, "))
        assert(message.endsWith("Give option kv_directory a place with more room, or kv_memory more."))
        cache.rollback()
        assert(cache.length() == 300)
        check(cache, 0, 300)
      }
      assert(memory.memoryBytes() == 0)
    }
  }

  test("where a device has less room than the budget, the oldest pages go to disk as beyond the budget") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(1000 * PAGE, directory)
      val cache = new KvCache(SHAPE, memory, new SmallDevice(5))
      using(cache) {
        for (_ <- 1 to 30) append(cache, 50)
        assert(memory.memoryBytes() <= 5 * PAGE && memory.diskBytes() >= 18 * PAGE)
        assert(!cache.page(0).onDisk() && cache.page(64).onDisk())
        val places = (1L until 23L).map(number => cache.page(number * 64).onDisk())
        assert(places == places.sorted.reverse)
        check(cache, 0, 1500)
        // as many pages as there can be beside the first and the newest, but not one more
        append(cache, 64 * 3 - 1500 % 64)
        val before = memory.diskBytes()
        val refused = intercept[LongformException](cache.reserve(64 * 4))
        assert(
          refused.errorClass() == ErrorClass.OUT_OF_MEMORY && refused.getMessage == "The device is full."
        )
        cache.rollback()
        assert(memory.diskBytes() >= before && memory.memoryBytes() <= 5 * PAGE)
        append(cache, 64)
        check(cache, 0, cache.length())
        val fork = cache.fork()
        using(fork) {
          append(cache, 70)
          append(fork, 7)
          check(cache, 0, cache.length())
          check(fork, 0, fork.length())
        }
      }
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
  }

  test("on a full device a document that is not being read makes room for another, one that is does not") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(1000 * PAGE, directory)
      val device = new SmallDevice(8)
      val idle = new KvCache(SHAPE, memory, device)
      val other = new KvCache(SHAPE, memory, device)
      using(idle, other) {
        append(idle, 64 * 7)
        append(other, 64)
        idle.whilePinned { () =>
          val refused = intercept[LongformException](other.reserve(64))
          assert(refused.getMessage == "The device is full.")
          other.rollback()
          assert(idle.diskBytes() == 0)
        }
        append(other, 64)
        assert(idle.diskBytes() == PAGE)
        for (_ <- 1 to 20) append(other, 30)
        check(idle, 0, idle.length())
        check(other, 0, other.length())
        append(idle, 64 * 2)
        check(idle, 0, idle.length())
      }
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
  }

  test("a device that has no room for a sketch is not asked again, and no page moves for one") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(1000 * PAGE, directory)
      val device = new SmallDevice(5)
      val cache = new KvCache(SHAPE, memory, device)
      val bytes = PageSketches.bytes(SHAPE, SKETCH)
      using(cache) {
        append(cache, 64 * 4)
        assert(sketch(cache, device) == Seq(0L))
        val asked = device.asked
        assert(sketch(cache, device) == Seq(0L) && device.asked == asked)
        assert(cache.sketchBytes() == bytes && memory.memoryBytes() == 4 * PAGE + bytes)
        assert(memory.diskBytes() == 0)
        check(cache, 0, cache.length())
      }
      assert(memory.memoryBytes() == 0)
    }
  }

  test("on a full device sketches give way to pages, those of the document and of others that are at rest") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(1000 * PAGE, directory)
      val device = new SmallDevice(10)
      val idle = new KvCache(SHAPE, memory, device)
      val cache = new KvCache(SHAPE, memory, device)
      using(idle, cache) {
        append(idle, 64 * 2)
        append(cache, 64 * 3)
        assert(sketch(idle, device) == Seq(0L, 1L) && sketch(cache, device) == Seq(0L, 1L, 2L))
        val forgotten = cache.view(0).sketchesForgotten()
        append(cache, 64 * 3)
        assert(cache.sketchBytes() == 0 && idle.sketchBytes() > 0 && memory.diskBytes() == 0)
        assert(cache.view(0).sketchesForgotten() > forgotten)
        assert(sketch(cache, device).isEmpty, "what gave way is not taken back")
        idle.whilePinned { () =>
          append(cache, 64)
          assert(idle.sketchBytes() > 0 && memory.diskBytes() > 0)
        }
        val before = memory.diskBytes()
        append(cache, 64)
        assert(idle.sketchBytes() < 2 * PageSketches.bytes(SHAPE, SKETCH) && memory.diskBytes() == before)
        check(cache, 0, cache.length())
        check(idle, 0, idle.length())
      }
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
  }

  test("beyond the budget sketches on a device go before pages, and with those that move to disk") {
    TempDirectory.use { directory =>
      val memory = new KvMemory(8 * PAGE, directory)
      val device = new SmallDevice(1000)
      val cache = new KvCache(SHAPE, memory, device)
      using(cache) {
        append(cache, 64 * 7)
        assert(sketch(cache, device).size == 7)
        append(cache, 64)
        assert(memory.diskBytes() == 0 && memory.memoryBytes() <= 8 * PAGE)
        assert(cache.sketchBytes() < 7 * PageSketches.bytes(SHAPE, SKETCH))
        append(cache, 64 * 3)
        assert(memory.diskBytes() == 3 * PAGE && memory.memoryBytes() <= 8 * PAGE)
        assert(
          (0L until 11L)
            .map(_ * 64)
            .forall(row => !cache.page(row).onDisk() || cache.page(row).sketchBytes() == 0)
        )
        check(cache, 0, cache.length())
      }
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
  }

  test("without a place on disk a full device is told") {
    val cache = new KvCache(SHAPE, KvMemory.UNLIMITED, new SmallDevice(3))
    using(cache) {
      append(cache, 64 * 3)
      val refused = intercept[LongformException](cache.reserve(1))
      assert(refused.errorClass() == ErrorClass.OUT_OF_MEMORY && refused.getMessage == "The device is full.")
      cache.rollback()
      check(cache, 0, 64 * 3)
    }
  }

  test("a full disk is told, nothing leaks, and reading goes on when there is room") {
    TempDirectory.use { directory =>
      val room = new AtomicLong(3 * PAGE + 100)
      val opened = mutable.Buffer[FileChannel]()
      val memory = new KvMemory(
        0,
        0,
        directory,
        path => {
          val file = FileChannel.open(
            Files.createTempFile(path, "full", null),
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE
          )
          opened += file
          new FailingFile(file, room)
        }
      )
      val before = Memory.allocatedBytes()
      val cache = new KvCache(SHAPE, memory)
      using(cache) {
        append(cache, 640)
        val refused = intercept[LongformException](cache.reserve(10))
        assert(refused.getMessage.contains("No space left on device"))
        cache.rollback()
        assert(memory.diskBytes() == 3 * PAGE && memory.memoryBytes() == 7 * PAGE)
        check(cache, 0, 640)
        room.set(Long.MaxValue)
        append(cache, 10)
        assert(memory.diskBytes() == 8 * PAGE)
        check(cache, 0, 650)
      }
      assert(opened.nonEmpty && opened.forall(!_.isOpen))
      assert(Memory.allocatedBytes() == before && memory.diskBytes() == 0)
    }
  }

  test("after a layer its stretch is forgotten and the next one announced, where pages on disk were used") {
    TempDirectory.use { directory =>
      val cache = new KvCache(SHAPE, new KvMemory(0, directory))
      using(cache) {
        append(cache, 640)
        cache.reserve(1)
        val stretches = mutable.Buffer[(String, Long, Long)]()
        def passed(layer: Int): Seq[(String, Long, Long)] = {
          stretches.clear()
          cache.passed(
            layer,
            (address, bytes) => stretches += (("forget", address, bytes)),
            (address, bytes) => stretches += (("fetch", address, bytes))
          )
          stretches.toList
        }
        assert(passed(0).isEmpty)
        cache.view(0).keyAddress(10)
        assert(passed(0).isEmpty, "the first page is in memory")
        val first = cache.view(0).keyAddress(64)
        val second = cache.view(1).keyAddress(64)
        val eightPages = 8 * PAGE / SHAPE.layers()
        assert(passed(0) == Seq(("forget", first, eightPages), ("fetch", second, eightPages)))
        cache.view(1).keyAddress(64)
        assert(passed(1) == Seq(("forget", second, eightPages), ("fetch", first, eightPages)))
        assert(passed(0).isEmpty)
      }
    }
  }
}
