package org.longform.kernels.cache

import java.util.concurrent.atomic.{AtomicBoolean, AtomicInteger, AtomicLong}
import java.util.function.BooleanSupplier

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.{HostBytes, Memory, MemoryOwner, MemorySource}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.{Seconds, Span}

/** Documents that a full device refuses memory wait while others are being read. */
class PatienceSuite extends AnyFunSuite with Eventually {
  implicit override val patienceConfig: PatienceConfig = PatienceConfig(timeout = Span(30, Seconds))

  private val SHAPE = new KvShape(1, 1, 4, KvDType.F32)
  private val PAGE = 64 * SHAPE.bytesPerToken()
  private val never: BooleanSupplier = () => false

  /** A device with room for so many pages. */
  private class Device(pages: Int) extends MemorySource {
    private val taken = new AtomicLong
    val refusals = new AtomicInteger

    override def allocate(size: Long): Memory = {
      if (taken.addAndGet(size) > pages * PAGE) {
        taken.addAndGet(-size)
        refusals.incrementAndGet()
        throw new LongformException(ErrorClass.OUT_OF_MEMORY, "Cannot allocate: the device is full.")
      }
      val block = Memory.allocate(size)
      val owner = new MemoryOwner {
        override def read(from: Long, to: Long, bytes: Long): Unit = HostBytes.copy(from, to, bytes)
        override def write(from: Long, to: Long, bytes: Long): Unit = HostBytes.copy(from, to, bytes)
        override def copy(pieces: Array[Long], count: Int): Unit = throw new UnsupportedOperationException
        override def release(address: Long): Unit = {
          taken.addAndGet(-size)
          block.close()
        }
      }
      Memory.of(owner, block.address(0), size)
    }
  }

  private def reserve(cache: KvCache, pages: Int, cancelled: BooleanSupplier = never): Unit =
    Patience.`with`[KvCache](
      cache,
      cancelled,
      () => {
        cache.admit(64 * pages, cancelled)
        cache.reserve(64 * pages)
        cache
      }
    )

  private def inThread(body: => Unit): Thread = {
    val thread = new Thread(() => body)
    thread.setDaemon(true)
    thread.start()
    thread
  }

  private def withCaches(device: Device, count: Int)(body: (KvMemory, Seq[KvCache]) => Unit): Unit = {
    val before = Memory.allocatedBytes()
    TempDirectory.use { directory =>
      val memory = new KvMemory(100 * PAGE, directory)
      val caches = Seq.fill(count)(new KvCache(SHAPE, memory, device))
      try body(memory, caches)
      finally caches.foreach(_.close())
      assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    }
    assert(Memory.allocatedBytes() == before)
  }

  for (ending <- Seq("is at rest", "is closed"))
    test(s"a block waits on a full device until a document that is being read $ending") {
      val device = new Device(3)
      withCaches(device, 2) { case (memory, Seq(first, second)) =>
        reserve(first, 3)
        val read = new AtomicBoolean
        val waiter = inThread {
          reserve(second, 2)
          second.commit()
          read.set(true)
        }
        eventually(assert(device.refusals.get() >= 2))
        assert(!read.get() && waiter.isAlive)
        if (ending == "is at rest") first.commit() else first.close()
        waiter.join(30000)
        assert(read.get() && second.length() == 128)
        assert(memory.diskBytes() >= (if (ending == "is at rest") 2 * PAGE else 0))
      }
    }

  test("a fork waits on a full device for another one of its document") {
    val device = new Device(3)
    withCaches(device, 1) { case (_, Seq(first)) =>
      reserve(first, 1)
      first.commit()
      val fork = first.fork()
      try {
        reserve(first, 2)
        val waiter = inThread {
          reserve(fork, 2)
          fork.commit()
        }
        eventually(assert(device.refusals.get() >= 2))
        assert(waiter.isAlive)
        first.rollback()
        waiter.join(30000)
        assert(fork.length() == 3 * 64)
      } finally fork.close()
    }
  }

  test("threads with more documents than a device has room for all come to their end") {
    val device = new Device(4)
    val failures = new AtomicInteger
    withCaches(device, 4) { (_, caches) =>
      val threads = caches.map { cache =>
        inThread {
          try
            for (_ <- 1 to 30) {
              reserve(cache, 2)
              Thread.`yield`()
              cache.commit()
            }
          catch {
            case e: Throwable =>
              e.printStackTrace()
              failures.incrementAndGet()
          }
        }
      }
      threads.foreach(_.join(60000))
      assert(threads.forall(!_.isAlive) && failures.get() == 0)
      assert(caches.forall(_.length() == 30 * 128))
    }
    assert(device.refusals.get() > 0)
  }

  test("who was refused because of others who are at rest again asks again") {
    val device = new Device(2)
    var disturbances = 5
    // nothing can move away, so each refusal comes to the one who asks
    val memory = new KvMemory(100 * PAGE, 0, null, _ => throw new UnsupportedOperationException)
    val other = new KvCache(SHAPE, memory, device)
    val cache = new KvCache(
      SHAPE,
      memory,
      size => {
        if (disturbances > 0) {
          disturbances -= 1
          reserve(other, 2)
          try device.allocate(size)
          finally other.rollback()
        } else {
          device.allocate(size)
        }
      }
    )
    try {
      reserve(cache, 2)
      cache.commit()
      assert(cache.length() == 128 && device.refusals.get() == 5)
    } finally Seq(cache, other).foreach(_.close())
  }

  test("a row that waits for a device can be cancelled") {
    withCaches(new Device(2), 2) { case (_, Seq(first, second)) =>
      reserve(first, 2)
      val asked = new AtomicInteger
      val refused = intercept[LongformException](reserve(second, 1, () => asked.incrementAndGet() > 2))
      assert(refused.errorClass() == ErrorClass.CANCELLED)
      assert(
        refused.getMessage ==
          f"Cannot read on: the row was cancelled while it waited for memory of the device (${2 * PAGE}%,d of ${100 * PAGE}%,d bytes are taken). Run it again."
      )
      first.commit()
      reserve(second, 1)
      second.commit()
    }
  }

  test("nobody waits where no other document is being read") {
    val device = new Device(2)
    withCaches(device, 2) { case (_, Seq(first, second)) =>
      reserve(first, 1)
      first.commit()
      val refused = intercept[LongformException](reserve(second, 3))
      assert(refused.errorClass() == ErrorClass.OUT_OF_MEMORY)
      assert(refused.getMessage == "Cannot allocate: the device is full.")
      assert(second.length() == 0)
    }
  }

  test("what is no refusal of memory is thrown at once") {
    withCaches(new Device(2), 2) { case (_, Seq(first, second)) =>
      reserve(first, 1)
      var tries = 0
      intercept[IllegalStateException](
        Patience.`with`[KvCache](
          second,
          never,
          () => {
            tries += 1
            throw new IllegalStateException("broken")
          }
        )
      )
      assert(tries == 1)
      first.commit()
    }
  }
}
