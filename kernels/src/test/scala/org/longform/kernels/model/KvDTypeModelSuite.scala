package org.longform.kernels.model

import org.longform.datasets.models.BundledModels
import org.longform.kernels.cache.KvDType
import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.device.Devices
import org.longform.kernels.model.SessionFixtures._
import org.scalatest.funsuite.AnyFunSuite

/** What rounding keys and values does to the logits of whole models. */
class KvDTypeModelSuite extends AnyFunSuite {

  private def logits(
      decoder: Decoder,
      context: String,
      dtype: KvDType,
      ids: Array[Int]
  ): Seq[Array[Float]] = {
    val strategy = ContextStrategies.create(context, java.util.Map.of(), decoder.limits())
    val session = decoder.open(strategy, SessionOptions.DEFAULT.withKvDType(dtype))
    try {
      session.feed(ids, 0, ids.length - 4)
      session.flush()
      ids.takeRight(4).toSeq.map { id =>
        session.step(id)
        session.logits()
      }
    } finally session.close()
  }

  /** Largest difference relative to the spread of the logits. */
  private def error(found: Seq[Array[Float]], expected: Seq[Array[Float]]): Double =
    found
      .zip(expected)
      .map { case (a, b) =>
        val mean = b.map(_.toDouble).sum / b.length
        val spread = math.sqrt(b.map(x => (x - mean) * (x - mean)).sum / b.length)
        a.zip(b).map { case (x, y) => math.abs(x - y) }.max / spread
      }
      .max

  // the largest of all logits of four steps; measured 0.6% and 8%
  private val limits = Seq(KvDType.F16 -> 0.01, KvDType.Q8 -> 0.1)

  for (context <- Seq("full", "lm-infinite"))
    test(s"with $context the bundled model's logits stay within 1% (F16) and 10% (Q8) of their spread") {
      val directory = BundledModels.localDirectory("longform-tiny")
      val decoder = Decoder.load(directory, Devices.choose("auto").open(2))
      try {
        val ids = tokens(900, decoder.spec().vocabulary(), 31)
        val exact = logits(decoder, context, KvDType.F32, ids)
        val errors = limits.map { case (dtype, limit) =>
          val found = error(logits(decoder, context, dtype, ids), exact)
          assert(found < limit, dtype)
          found
        }
        assert(errors.head > 0 && errors.head < errors(1), "the caches are not stored as they were asked for")
      } finally decoder.close()
    }

  test("a cache takes half the memory in F16 and a quarter in Q8, scales beside") {
    withDecoder(TinyModel(seed = 3, headDim = 32)) { decoder =>
      val ids = tokens(70, 50, 3)
      val bytes = KvDType.values.map { dtype =>
        val session = decoder.open(full(decoder, 16), SessionOptions.DEFAULT.withKvDType(dtype))
        try {
          session.feed(ids, 0, 70)
          session.flush()
          assert(session.stats().kvBytes() == 128 * decoder.kvBytesPerToken(dtype))
          session.stats().kvBytes()
        } finally session.close()
      }
      assert(bytes(0) == 2 * bytes(1) && bytes(0) * 34 == bytes(2) * 128)
    }
  }
}
