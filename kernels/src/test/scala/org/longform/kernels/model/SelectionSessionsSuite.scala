package org.longform.kernels.model

import java.util.concurrent.atomic.AtomicInteger

import scala.collection.JavaConverters._
import scala.collection.mutable
import scala.util.Random

import org.longform.kernels.cache.KvDType
import org.longform.kernels.context.{ContextStrategies, ContextStrategy}
import org.longform.kernels.device.{DeviceProvider, Devices}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.DType
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Whole models read with the strategies that choose or drop tokens by what the model says of them. */
class SelectionSessionsSuite extends AnyFunSuite {
  private val names = Seq("infllm", "sirllm", "infinipot", "infinite-hip")
  private val providers: Seq[DeviceProvider] =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).toSeq

  private def strategy(name: String, decoder: Decoder): ContextStrategy =
    ContextStrategies.create(name, java.util.Map.of(), decoder.limits(), _ => Array(7, 3, 11))

  private def answer(session: Session, question: Int*): Seq[Array[Float]] = {
    session.ask(question.toArray)
    Seq(9, 7, 5).map { token =>
      session.step(token)
      session.logits()
    }
  }

  private def same(found: Seq[Array[Float]], expected: Seq[Array[Float]], tolerance: Double = 1e-4): Unit =
    found.zip(expected).foreach { case (a, b) =>
      assert(difference(a, b.map(_.toDouble)) < tolerance)
    }

  for (name <- names; kvHeads <- Seq(1, 2, 4))
    test(s"$name reads alike on all devices with $kvHeads key heads for 4 query heads") {
      val model = TinyModel(window = 64, layers = 2, kvHeads = kvHeads, seed = 31L + kvHeads)
      val document = tokens(220, model.vocabulary, 31)
      TempDirectory.use { directory =>
        model.write(directory)
        val answers = providers.map { provider =>
          val decoder = Decoder.load(directory, provider.open(2))
          try
            withSession(decoder, strategy(name, decoder)) { session =>
              session.feed(document, 0, document.length)
              answer(session, 4, 8, 15, 16)
            }
          finally decoder.close()
        }
        answers.tail.foreach(same(_, answers.head))
      }
    }

  for (name <- names)
    test(s"$name reads quantised weights with rounded keys, alone and after a fork") {
      TempDirectory.use { directory =>
        val shape = RandomLlama(2, 64, 4, 2, 32, 96, 300, tied = true, DType.Q8_0, window = 64)
        val file = shape.write(directory.resolve("random.gguf"))
        val document = tokens(200, 300, 33)
        for (provider <- providers; dtype <- Seq(KvDType.F16, KvDType.Q8)) {
          val decoder = Decoder.load(file, provider.open(2))
          try {
            val session = decoder.open(strategy(name, decoder), SessionOptions.DEFAULT.withKvDType(dtype))
            try {
              session.feed(document, 0, 200)
              val fork = session.fork()
              try {
                val first = answer(fork, 1, 2, 3)
                // what the fork did is nothing to the other, nor what the other does to a second fork
                same(answer(session, 1, 2, 3), first, 1e-9)
                assert(first.flatten.forall(x => !x.isNaN && !x.isInfinite))
              } finally fork.close()
            } finally session.close()
          } finally decoder.close()
        }
      }
    }

  for (name <- names)
    test(s"$name goes on after a cancellation in any layer as if there had been none") {
      val model = TinyModel(window = 64, layers = 3, seed = 35)
      val document = tokens(200, model.vocabulary, 35)
      withDecoder(model) { decoder =>
        def read(cancelled: () => Boolean): Seq[Array[Float]] = {
          val session = decoder.open(strategy(name, decoder), new SessionOptions(() => cancelled()))
          def insisting(act: => Unit): Unit = {
            var failure =
              try { act; None }
              catch { case e: LongformException => Some(e) }
            while (failure.isDefined) {
              assert(failure.get.errorClass() == ErrorClass.CANCELLED)
              failure =
                try { session.flush(); None }
                catch { case e: LongformException => Some(e) }
            }
          }
          try {
            insisting(session.feed(document, 0, 200))
            insisting(session.flush())
            insisting(session.ask(Array(4, 8, 15)))
            (0 until 40).map { i =>
              insisting(session.step(i))
              session.logits()
            }
          } finally session.close()
        }
        val random = new Random(36)
        val cancellations = new AtomicInteger()
        val actual = read { () =>
          val now = random.nextInt(5) == 0
          if (now) cancellations.incrementAndGet()
          now
        }
        assert(cancellations.get() > 20)
        actual.zip(read(() => false)).foreach { case (a, b) => assert(a sameElements b) }
      }
    }

  test("SirLLM remembers over several turns, in constant memory") {
    val model = TinyModel(window = 64, layers = 2, seed = 37)
    withDecoder(model) { decoder =>
      val remembering =
        ContextStrategies.create("sirllm", Map("turn-decay" -> "0.7").asJava, decoder.limits())
      withSession(decoder, remembering) { session =>
        for (turn <- 1 to 12) {
          session.ask(tokens(9 + turn, model.vocabulary, turn.toLong))
          (0 until 7).foreach(token => session.step(token * turn % model.vocabulary))
          assert(session.logits().forall(x => !x.isNaN && !x.isInfinite))
        }
        assert(session.length() > 250)
        assert(
          session.stats().peakKvBytes() <= 2 * 64 * decoder.kvBytesPerToken(KvDType.F32) + 64 * decoder
            .kvBytesPerToken(KvDType.F32)
        )
      }
    }
  }

  for (name <- Seq("sirllm", "infinipot"))
    test(s"who watches a reading with $name hears of tokens of the document, not of rows of the cache") {
      val model = TinyModel(window = 64, layers = 2, seed = 38)
      withDecoder(model) { decoder =>
        withSession(decoder, strategy(name, decoder)) { session =>
          session.feed(tokens(300, model.vocabulary, 38), 0, 300)
          session.flush()
          val mass = mutable.Map[Long, Double]().withDefaultValue(0.0)
          session.watch((token, some) => mass(token) += some)
          session.step(4)
          session.unwatch()
          assert(math.abs(mass.values.sum - model.layers * model.heads) < 1e-3)
          assert(mass.keys.forall(token => token >= 0 && token <= 300))
          // rows 0 to about 30 would be heard of, and nothing up to 290
          assert(mass.keys.count(token => token >= 64 && token < 290) > 10)
        }
      }
    }
}
