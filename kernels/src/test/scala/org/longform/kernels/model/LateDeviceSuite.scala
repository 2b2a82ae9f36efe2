package org.longform.kernels.model

import java.nio.file.Files

import org.longform.kernels.cache.{KvDType, KvMemory}
import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.device.LateKernels
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.Memory
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Sessions on a device that does its work late, in memory of its own, answer what they answer on one that
  * does not: nothing on the host looks before it waited.
  */
class LateDeviceSuite extends AnyFunSuite {
  private val model = TinyModel(window = 64, layers = 2, seed = 21)
  private val document = tokens(300, model.vocabulary, 21)
  private val question = Array(4, 8, 15, 16, 23, 42)

  private def answers(decoder: Decoder, context: String, options: SessionOptions): Seq[List[Float]] = {
    val session =
      decoder.open(ContextStrategies.create(context, java.util.Map.of(), decoder.limits()), options)
    try {
      val surprises = {
        session.feed(document, 0, 250)
        session.score(document, 250, 50)
      }
      val fork = session.fork()
      try {
        def answer(of: Session): Seq[List[Float]] = {
          of.ask(question)
          Seq(9, 7, 5).map { token =>
            of.step(token)
            of.logits().toList
          }
        }
        surprises.map(_.toFloat).toList +: (answer(fork) ++ answer(session))
      } finally fork.close()
    } finally session.close()
  }

  private def withLate[A](body: (Decoder, Decoder, LateKernels) => A): A = TempDirectory.use { directory =>
    val late = new LateKernels(new ReferenceDevice().open(1))
    val path = model.write(directory)
    val decoder = Decoder.load(path, late.kernels)
    val usual = Decoder.load(path, new ReferenceDevice().open(1))
    try body(decoder, usual, late)
    finally {
      decoder.close()
      usual.close()
    }
  }

  for (factory <- usable(64, 2)) {
    val name = factory.name()
    test(s"$name reads, forks and writes on as on a device that does its work at once") {
      val before = Memory.allocatedBytes()
      withLate { (decoder, usual, late) =>
        assert(answers(decoder, name, SessionOptions.DEFAULT) == answers(usual, name, SessionOptions.DEFAULT))
        assert(late.deferred > 100 && late.held == 0)
        assert(late.copied > 0, "the page that forks share is copied by the device")
      }
      assert(Memory.allocatedBytes() == before)
    }
  }

  /** A token with guesses, of which some are kept that do not follow each other in the cache. */
  private def guesses(decoder: Decoder, options: SessionOptions): Seq[List[Float]] = {
    val session =
      decoder.open(ContextStrategies.create("full", java.util.Map.of(), decoder.limits()), options)
    try {
      session.feed(document, 0, 60)
      session.flush()
      for (round <- 0 until 3) yield {
        val tree = TokenTree.builder(round + 1)
        for (i <- 0 until 9) tree.add(math.max(0, i - 2), 10 * round + i)
        val step = new DecodeStep(session, tree.build())
        decoder.batcher().read(java.util.Collections.singletonList(step))
        step.tree().path(7).drop(1).foreach(step.accept)
        step.settle()
        session.logits().toList
      }
    } finally session.close()
  }

  test("the rows of a tree of guesses that stay are moved by the device") {
    withLate { (decoder, usual, late) =>
      val copiedFor = late.copied
      assert(guesses(decoder, SessionOptions.DEFAULT) == guesses(usual, SessionOptions.DEFAULT))
      // keys and values of two heads and two layers of each row
      assert(late.copied - copiedFor >= 2 * 2 * 2 * 3 && late.held == 0)
    }
  }

  for (dtype <- KvDType.values)
    test(s"pages of $dtype move to disk and back when they are written") {
      val directory = Files.createTempDirectory("late-device-suite")
      withLate { (decoder, usual, late) =>
        val options = new SessionOptions(() => false, dtype, new KvMemory(0, directory))
        for (context <- Seq("full", "reattention"))
          assert(answers(decoder, context, options) == answers(usual, context, options))
        assert(late.held == 0)
      }
      Files.delete(directory)
    }
}
