package org.longform.kernels.model

import java.util.{Map => JMap}

import scala.collection.mutable

import org.longform.datasets.models.BundledModels
import org.longform.kernels.cache.{KvDType, KvMemory}
import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.device.Devices
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.Memory
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Whole documents whose keys and values are four times the memory budget. */
class DiskSessionsSuite extends AnyFunSuite {
  private val LENGTH = 2048

  private case class Outcome(logits: Seq[List[Float]], stats: SessionStats)

  private def read(
      decoder: Decoder,
      context: String,
      options: SessionOptions,
      watch: Session => Unit = _ => ()
  ): Outcome = {
    val strategy = ContextStrategies.create(context, JMap.of("chunk-size", "128"), decoder.limits())
    val ids = tokens(LENGTH, decoder.spec().vocabulary(), 41)
    val session = decoder.open(strategy, options)
    try {
      ids.indices.grouped(512).foreach { part =>
        session.feed(ids, part.head, part.length)
        watch(session)
      }
      // two forks ask different things, one after the other and then in turns
      val forks = Seq(session.fork(), session.fork())
      val logits = mutable.Buffer[List[Float]]()
      try {
        for ((fork, i) <- forks.zipWithIndex) fork.ask(ids.slice(100 * i, 100 * i + 20))
        for (step <- 0 until 3; fork <- forks) {
          fork.step(ids(step))
          logits += fork.logits().toList
        }
      } finally forks.foreach(_.close())
      session.step(ids.head)
      logits += session.logits().toList
      Outcome(logits.toList, session.stats())
    } finally session.close()
  }

  private def withBundled[A](device: String)(body: Decoder => A): A = {
    val decoder =
      Decoder.load(BundledModels.localDirectory("longform-tiny"), Devices.choose(device).open(2))
    try body(decoder)
    finally decoder.close()
  }

  for (context <- Seq("full", "reattention"); dtype <- KvDType.values)
    test(s"$context gives the same logits with a quarter of the memory, in $dtype") {
      withBundled("auto") { decoder =>
        TempDirectory.use { directory =>
          val options = SessionOptions.DEFAULT.withKvDType(dtype)
          val whole = read(decoder, context, options)
          assert(whole.stats.kvDiskBytes() == 0)
          val cacheBytes = LENGTH * decoder.kvBytesPerToken(dtype)
          val budget = new KvMemory(cacheBytes / 4, directory)
          val before = Memory.allocatedBytes()
          var most = 0L
          val parted = read(
            decoder,
            context,
            options.withKvMemory(budget),
            _ => most = math.max(most, budget.memoryBytes())
          )
          assert(parted.logits == whole.logits)
          assert(parted.stats.kvDiskBytes() >= cacheBytes * 7 / 10)
          assert(parted.stats.kvBytes() + parted.stats.kvDiskBytes() == whole.stats.kvBytes())
          assert(most <= budget.budgetBytes() && parted.stats.peakKvBytes() <= budget.budgetBytes())
          assert(budget.memoryBytes() == 0 && budget.diskBytes() == 0)
          assert(Memory.allocatedBytes() == before)
        }
      }
    }

  test("a budget smaller than a block still reads the document to the same logits") {
    withBundled("auto") { decoder =>
      TempDirectory.use { directory =>
        val budget = new KvMemory(1, directory)
        val parted = read(decoder, "full", SessionOptions.DEFAULT.withKvMemory(budget))
        assert(parted.logits == read(decoder, "full", SessionOptions.DEFAULT).logits)
        // the first page, the newest, and those of a block of 128 tokens
        assert(parted.stats.peakKvBytes() <= 5 * 64 * decoder.kvBytesPerToken(KvDType.F32))
      }
    }
  }

  test("a strategy that forgets gives its room on disk back") {
    withBundled("auto") { decoder =>
      TempDirectory.use { directory =>
        val budget = new KvMemory(4 * 64 * decoder.kvBytesPerToken(KvDType.F16), directory)
        val options = SessionOptions.DEFAULT.withKvDType(KvDType.F16)
        var most = 0L
        val parted = read(
          decoder,
          "lm-infinite",
          options.withKvMemory(budget),
          session => most = math.max(most, session.stats().kvDiskBytes())
        )
        assert(most > 0 && most <= 600 * decoder.kvBytesPerToken(KvDType.F16))
        assert(parted.logits == read(decoder, "lm-infinite", options).logits)
      }
    }
  }

  test("two documents read at once by two threads share a budget and give their own logits") {
    withBundled("auto") { decoder =>
      TempDirectory.use { directory =>
        val expected = read(decoder, "full", SessionOptions.DEFAULT)
        val budget = new KvMemory(LENGTH * decoder.kvBytesPerToken(KvDType.F32) / 2, directory)
        val found = new java.util.concurrent.ConcurrentLinkedQueue[Outcome]()
        val threads = Seq.fill(2)(
          new Thread(() => found.add(read(decoder, "full", SessionOptions.DEFAULT.withKvMemory(budget))))
        )
        threads.foreach(_.start())
        threads.foreach(_.join())
        assert(found.size() == 2)
        found.forEach { outcome =>
          assert(outcome.logits == expected.logits)
          assert(outcome.stats.peakKvDiskBytes() > 0)
        }
        assert(budget.memoryBytes() == 0 && budget.diskBytes() == 0)
      }
    }
  }
}
