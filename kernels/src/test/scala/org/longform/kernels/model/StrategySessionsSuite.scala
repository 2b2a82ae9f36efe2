package org.longform.kernels.model

import scala.collection.JavaConverters._

import org.longform.kernels.cache.KvDType
import org.longform.kernels.context.{ContextFactory, ContextStrategies, ContextStrategy, Promise}
import org.longform.kernels.device.Devices
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** What a session promises, for every strategy in the list, read by a whole model. */
class StrategySessionsSuite extends AnyFunSuite {

  private val model = TinyModel(window = 64, layers = 2, seed = 21)
  private val document = tokens(300, model.vocabulary, 21)
  private val question = Array(4, 8, 15, 16, 23, 42)

  private def fresh(factory: ContextFactory, decoder: Decoder): ContextStrategy =
    ContextStrategies.create(factory.name(), java.util.Map.of(), decoder.limits())

  private def answer(session: Session): Seq[List[Float]] = {
    session.ask(question)
    Seq(9, 7, 5).map { token =>
      session.step(token)
      session.logits().toList
    }
  }

  for (factory <- usable(64, 2)) {
    val name = factory.name()

    if (factory.promises().contains(Promise.FULL_WHEN_SHORT))
      test(s"$name equals full attention while everything fits") {
        withDecoder(model) { decoder =>
          def read(strategy: ContextStrategy): Seq[List[Float]] = withSession(decoder, strategy) { session =>
            session.feed(document, 0, 10)
            answer(session)
          }
          read(fresh(factory, decoder)).zip(read(full(decoder, 64))).foreach { case (a, b) =>
            assert(difference(a.toArray, b.map(_.toDouble).toArray) < 1e-4)
          }
        }
      }

    test(s"$name reads beyond the window the same however the stream is cut, and forks alike") {
      withDecoder(model) { decoder =>
        def read(piece: Int): Seq[List[Float]] = withSession(decoder, fresh(factory, decoder)) { session =>
          document.indices.grouped(piece).foreach(part => session.feed(document, part.head, part.length))
          val fork = session.fork()
          try {
            val forked = answer(fork)
            assert(forked === answer(session))
            assert(forked.flatten.forall(x => !x.isNaN && !x.isInfinite))
            forked
          } finally fork.close()
        }
        assert(read(300) === read(37))
      }
    }

    if (factory.promises().contains(Promise.BOUNDED_MEMORY))
      test(s"$name keeps no more memory for a longer document") {
        withDecoder(model) { decoder =>
          withSession(decoder, fresh(factory, decoder)) { session =>
            (0 until 3).foreach(_ => session.feed(document, 0, 256))
            val peak = session.stats().peakKvBytes()
            (0 until 6).foreach(_ => session.feed(document, 0, 256))
            // first tokens, window and block lie on pages whose number varies by one
            assert(session.stats().peakKvBytes() <= peak + 64 * decoder.kvBytesPerToken(KvDType.F32))
          }
        }
      }
  }

  test("every listed device works here, but 'cuda' without a card and 'cpu' in a build without a compiler") {
    for (provider <- Devices.ALL.asScala) {
      val why = provider.whyUnavailable().orElse("")
      assert(
        why == "" || provider.name() == "cuda" ||
          provider.name() == "cpu" && why.startsWith("this build has no native library")
      )
    }
  }

  for (provider <- Devices.ALL.asScala if !provider.whyUnavailable().isPresent)
    test(s"logits on device ${provider.name()} equal those of the naive decoder") {
      val biased = TinyModel(biases = true, dtype = "BF16", kvHeads = 1, seed = 22)
      val ids = tokens(40, biased.vocabulary, 22)
      val expected =
        new NaiveDecoder(biased, NaiveDecoder.plainFrequencies(biased.headDim)).logits(ids.toSeq)
      TempDirectory.use { directory =>
        val decoder = Decoder.load(biased.write(directory), provider.open(2))
        try
          withSession(decoder, full(decoder, 16)) { session =>
            session.feed(ids, 0, 39)
            session.flush()
            assert(difference(session.logits(), expected(38)) < 1e-4)
            session.step(ids(39))
            assert(difference(session.logits(), expected(39)) < 1e-4)
          }
        finally decoder.close()
      }
    }
}
