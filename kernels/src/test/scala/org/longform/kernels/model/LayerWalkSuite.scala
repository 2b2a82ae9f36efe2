package org.longform.kernels.model

import java.util.{Collections, Map => JMap}

import scala.collection.JavaConverters._
import scala.collection.mutable

import org.longform.kernels.cache.{KvCache, KvDType}
import org.longform.kernels.device.{AttendTaps, Devices, Kernels}
import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.Tensor
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Texts brought through a model layer by layer meet what a pass through all of it meets. */
class LayerWalkSuite extends AnyFunSuite {
  private type Seen = mutable.Map[(Int, ProjectionInput), Seq[Float]]

  private val model = TinyModel(biases = true, tied = true)
  private val texts = Seq(tokens(17, model.vocabulary, 1), tokens(1, model.vocabulary, 2))
  private val devices = Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent)

  private def noting(seen: Seen): ProjectionObserver = (layer, input, x: Tensor) =>
    seen((layer, input)) = seen.getOrElse((layer, input), Nil) ++ x.toArray

  /** What one pass through all layers shows. */
  private def whole(stored: StoredModel, kernels: Kernels): Seen = {
    val seen: Seen = mutable.Map()
    val weights = DecoderWeights.load(stored.spec(), stored.weights(), kernels)
    val forward = new ForwardPass(stored.spec(), weights, kernels, noting(seen))
    try
      for (text <- texts) {
        val cache = new KvCache(stored.spec().kvShape(KvDType.F32))
        try {
          cache.reserve(text.length)
          val strategy =
            ContextStrategies.create(
              "full",
              JMap.of(),
              new org.longform.kernels.context.ModelLimits(64, model.layers)
            )
          val encoding = stored.spec().encodings(text.length.toLong)
          val all = new Branch(0, text.length, null, encoding, AttendTaps.NONE)
          val block =
            new PassBlock(
              text,
              0,
              text.length,
              Collections.singletonList(all),
              strategy,
              cache,
              () => false,
              BlockHooks.NONE
            )
          forward.run(Collections.singletonList(block))
          block.requireRead()
        } finally cache.close()
      }
    finally {
      forward.close()
      weights.close()
    }
    seen
  }

  for (device <- devices)
    test(s"on ${device.name()} every projection of every layer sees the same") {
      TempDirectory.use { directory =>
        val stored = StoredModel.open(model.write(directory))
        val kernels = device.open(1)
        try {
          val expected = whole(stored, kernels)
          assert(expected.size == model.layers * ProjectionInput.values().length)
          val found: Seen = mutable.Map()
          val walk = new LayerWalk(stored.spec(), stored.weights(), kernels, texts.asJava)
          try {
            assert(walk.tokens() == 18)
            for (layer <- 0 until model.layers) {
              walk.observe(layer, stored.weights(), (_, _, _) => ())
              walk.observe(layer, stored.weights(), noting(found))
              walk.advance(layer, stored.weights())
            }
          } finally walk.close()
          assert(found.keySet == expected.keySet)
          for ((place, values) <- expected) {
            assert(found(place).length == values.length)
            assert(found(place).zip(values).forall { case (a, b) =>
              math.abs(a - b) <= 1e-5 * (1 + math.abs(b))
            })
          }
        } finally stored.close()
      }
    }
}
