package org.longform.kernels.model.prune

import java.nio.file.Path

import org.longform.kernels.cache.{KvDType, KvMemory}
import org.longform.kernels.context.{ContextStrategies, Promise}
import org.longform.kernels.device.Devices
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model.prune.PruningFixtures._
import org.longform.kernels.model.{Session, SessionOptions, TinyModel}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** A model whose layers have different heads and widths, as pruning leaves them, reads like any other. */
class UnevenLayersSuite extends AnyFunSuite {
  // layers of different heads and channels
  private val uneven = TinyModel(heads = 8, kvHeads = 4, window = 64, seed = 21)
  private val unevenHeads = Seq(Seq(1, 3), Seq(0, 1, 2), Seq(2))
  private val unevenChannels = Seq(someOf(20, 1), Seq(4, 5), (0 until 20).toList)

  private def withUneven[A](body: Path => A): A =
    withChanged(uneven)(cut(unevenHeads: _*)(unevenChannels: _*))(body)

  for (provider <- Devices.ALL.asScala if !provider.whyUnavailable().isPresent)
    test(s"device ${provider.name()} reads layers of different shapes, in every type of cache") {
      val ids = tokens(90, uneven.vocabulary, 22)
      val expected = naive(masked(uneven, unevenHeads, unevenChannels), ids)
      withUneven { path =>
        withDecoderAt(path, provider.open(2)) { decoder =>
          assert(difference(logits(decoder, ids), expected) < 1e-4)
          for (dtype <- KvDType.values()) {
            val session = decoder.open(full(decoder, 64), SessionOptions.DEFAULT.withKvDType(dtype))
            try {
              session.feed(ids, 0, ids.length)
              session.flush()
              assert(difference(session.logits(), expected) < 0.05, dtype)
            } finally session.close()
          }
        }
      }
    }

  test("the cache of a layer has room for its own heads alone") {
    withUneven { path =>
      withDecoderAt(path) { decoder =>
        // 2 + 3 + 1 heads of 8 numbers, keys and values
        assert(decoder.kvBytesPerToken(KvDType.F32) == 6 * 8 * 2 * 4)
        withSession(decoder, full(decoder, 16)) { session =>
          session.feed(tokens(64, uneven.vocabulary, 5), 0, 64)
          session.flush()
          assert(session.stats().kvBytes() == 64 * 6 * 8 * 2 * 4)
        }
      }
    }
  }

  test("with most of the cache on disk the logits are the same, and a saved session goes on") {
    val ids = tokens(500, uneven.vocabulary, 6)
    withUneven { path =>
      withDecoderAt(path) { decoder =>
        TempDirectory.use { directory =>
          def read(memory: KvMemory): (Seq[Float], Long) = {
            val options = SessionOptions.DEFAULT.withKvMemory(memory)
            val session = decoder.open(full(decoder, 64), options)
            try {
              session.feed(ids, 0, ids.length)
              session.flush()
              (session.logits().toSeq, session.stats().kvDiskBytes())
            } finally session.close()
          }
          val (expected, none) = read(KvMemory.UNLIMITED)
          val (found, some) = read(new KvMemory(0, directory))
          assert(none == 0 && some > 0)
          assert(found == expected)
        }
        def strategy = ContextStrategies.create("lm-infinite", java.util.Map.of(), decoder.limits())
        val bytes = new java.io.ByteArrayOutputStream()
        val expected = withSession(decoder, strategy) { session =>
          session.feed(ids, 0, 300)
          session.save(new java.io.DataOutputStream(bytes))
          session.feed(ids, 300, 200)
          session.flush()
          session.logits().toSeq
        }
        val in = new java.io.DataInputStream(new java.io.ByteArrayInputStream(bytes.toByteArray))
        val resumed = decoder.resume(strategy, SessionOptions.DEFAULT, in)
        try {
          resumed.feed(ids, 300, 200)
          resumed.flush()
          assert(resumed.logits().toSeq == expected)
        } finally resumed.close()
      }
    }
  }

  for (factory <- usable(64, 3))
    test(s"strategy ${factory.name()} reads layers of different shapes") {
      val document = tokens(300, uneven.vocabulary, 23)
      withUneven { path =>
        withDecoderAt(path) { decoder =>
          def fresh = ContextStrategies.create(factory.name(), java.util.Map.of(), decoder.limits())
          def read(piece: Int): Seq[Float] = withSession(decoder, fresh) { session =>
            document.indices.grouped(piece).foreach(part => session.feed(document, part.head, part.length))
            val fork = session.fork()
            try {
              def answer(of: Session): Seq[Float] = {
                of.ask(Array(4, 8, 15))
                of.step(9)
                of.logits().toSeq
              }
              val forked = answer(fork)
              assert(answer(session) == forked && forked.forall(x => !x.isNaN && !x.isInfinite))
              forked
            } finally fork.close()
          }
          assert(read(300) == read(37))
          if (factory.promises().contains(Promise.FULL_WHEN_SHORT)) {
            val short = document.take(10)
            val ofFull = withSession(decoder, full(decoder, 64)) { session =>
              session.ask(short)
              session.logits()
            }
            val found = withSession(decoder, fresh) { session =>
              session.ask(short)
              session.logits()
            }
            assert(difference(found, ofFull.map(_.toDouble)) < 1e-4)
          }
        }
      }
    }
}
