package org.longform.kernels.model

import java.nio.file.Path
import java.util.{Map => JMap}

import scala.collection.JavaConverters._

import org.longform.kernels.cache.{KvDType, KvMemory}
import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.device.LateKernels
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.Memory
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Documents whose keys and values do not fit into the memory of a device. */
class FullDeviceSuite extends AnyFunSuite {
  private val LENGTH = 600
  private val model = TinyModel(window = 64, layers = 2, seed = 33)
  private val documents = Seq(1, 2).map(seed => tokens(LENGTH, model.vocabulary, seed))
  private val question = Array(4, 8, 15, 16, 23, 42)

  private case class Outcome(logits: Seq[List[Float]], diskBytes: Long, pinnedBytes: Long)

  private def open(decoder: Decoder, context: String, options: SessionOptions): Session =
    decoder.open(ContextStrategies.create(context, JMap.of(), decoder.limits()), options)

  private def answer(session: Session): Seq[List[Float]] = {
    session.ask(question)
    Seq(9, 7, 5).map { token =>
      session.step(token)
      session.logits().toList
    }
  }

  /** All documents at once, by turns, with a fork of each. */
  private def read(decoder: Decoder, context: String, options: SessionOptions, count: Int): Outcome = {
    val sessions = documents.take(count).map(_ => open(decoder, context, options))
    try {
      for (part <- 0 until LENGTH by 300; (session, document) <- sessions.zip(documents))
        session.feed(document, part, 300)
      val answers = sessions.flatMap { session =>
        val fork = session.fork()
        try answer(fork) ++ answer(session)
        finally fork.close()
      }
      Outcome(answers, sessions.map(_.stats().kvDiskBytes()).sum, sessions.map(_.stats().kvPinnedBytes()).sum)
    } finally sessions.foreach(_.close())
  }

  /** What is read on a device of so much memory, whose kernels nobody else has; and what it had most. */
  private def on[A](path: Path, room: Long, pinned: Long = 0)(body: Decoder => A): (A, Long) = {
    val device = new LateKernels(new ReferenceDevice().open(1), room, pinned)
    val decoder = Decoder.load(path, device.kernels)
    try {
      val found = body(decoder)
      assert(device.held == 0)
      (found, device.most)
    } finally decoder.close()
  }

  for (context <- Seq("full", "reattention"); count <- 1 to 2; dtype <- KvDType.values)
    test(s"$count documents read by $context complete where a device has no room for all pages of $dtype") {
      val before = Memory.allocatedBytes()
      TempDirectory.use { directory =>
        val path = model.write(directory)
        val memory = new KvMemory(Long.MaxValue, directory)
        val options = new SessionOptions(() => false, dtype, memory)
        val (expected, most) = on(path, Long.MaxValue)(read(_, context, options, count))
        assert(expected.diskBytes == 0)
        val (found, less) =
          on(path, most - 4 * count * pageBytes(path, dtype))(read(_, context, options, count))
        assert(found.logits == expected.logits)
        assert(found.diskBytes >= 4 * count * pageBytes(path, dtype) && less < most)
        assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
      }
      assert(Memory.allocatedBytes() == before)
    }

  for (context <- Seq("full", "reattention", "infinite-hip", "infllm"); count <- 1 to 2)
    test(s"$count documents read by $context give pages to pinned memory, and beyond that to disk") {
      val before = Memory.allocatedBytes()
      TempDirectory.use { directory =>
        val path = model.write(directory)
        val page = pageBytes(path, KvDType.F16)
        def options(pinned: Long) =
          new SessionOptions(() => false, KvDType.F16, new KvMemory(Long.MaxValue, pinned, directory))
        val (expected, most) = on(path, Long.MaxValue)(read(_, context, options(Long.MaxValue), count))
        assert(expected.diskBytes == 0 && expected.pinnedBytes == 0)
        val room = most - 4 * count * page
        val (all, _) = on(path, room, Long.MaxValue)(read(_, context, options(Long.MaxValue), count))
        assert(all.logits == expected.logits)
        assert(all.diskBytes == 0 && all.pinnedBytes >= 4 * count * page)
        // the budget has an end, and then the host's memory has
        val (some, _) = on(path, room, Long.MaxValue)(read(_, context, options(3 * page), count))
        val (few, _) = on(path, room, 3 * page)(read(_, context, options(Long.MaxValue), count))
        for (found <- Seq(some, few)) {
          assert(found.logits == expected.logits)
          assert(found.diskBytes > 0 && found.pinnedBytes > 0 && found.pinnedBytes <= 3 * count * page)
        }
      }
      assert(Memory.allocatedBytes() == before)
    }

  test("answers that are written together take turns where a device has no room for both") {
    TempDirectory.use { directory =>
      val path = model.write(directory)
      val memory = new KvMemory(Long.MaxValue, directory)
      val options = new SessionOptions(() => false, KvDType.F32, memory)
      // each answer needs a page of its own, and documents of two pages have none that may go while they are read
      def write(decoder: Decoder): Outcome = {
        val sessions = documents.map { document =>
          val session = open(decoder, "full", options)
          session.feed(document, 0, 100)
          session.ask(question)
          session
        }
        val forks = sessions.map(_.fork())
        try {
          val written = Seq(9, 7).flatMap { token =>
            val steps = forks.map(new DecodeStep(_, token))
            decoder.batcher().read(steps.asJava)
            steps.map(_.logits().toList)
          }
          Outcome(written, memory.diskBytes(), memory.pinnedBytes())
        } finally (forks ++ sessions).foreach(_.close())
      }
      val (expected, most) = on(path, Long.MaxValue)(write)
      assert(expected.diskBytes == 0)
      val (found, _) = on(path, most - pageBytes(path, KvDType.F32))(write)
      assert(found.logits == expected.logits)
      assert(found.diskBytes > 0)
    }
  }

  private def pageBytes(path: Path, dtype: KvDType): Long = {
    val decoder = Decoder.load(path, new ReferenceDevice().open(1))
    try 64 * decoder.kvBytesPerToken(dtype)
    finally decoder.close()
  }

  test("where pages have no place on disk, a full device is told and nothing is kept") {
    val before = Memory.allocatedBytes()
    TempDirectory.use { directory =>
      val path = model.write(directory)
      val options = SessionOptions.DEFAULT
      val (_, most) = on(path, Long.MaxValue)(read(_, "full", options, 1))
      val page = pageBytes(path, KvDType.F32)
      val (refused, _) =
        on(path, most - 2 * page)(decoder => intercept[LongformException](read(decoder, "full", options, 1)))
      assert(refused.errorClass() == ErrorClass.OUT_OF_MEMORY)
      assert(refused.getMessage == s"Cannot allocate $page bytes: the device is full.")
    }
    assert(Memory.allocatedBytes() == before)
  }
}
