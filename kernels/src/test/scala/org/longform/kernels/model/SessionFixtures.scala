package org.longform.kernels.model

import java.util.{Map => JMap}

import scala.collection.JavaConverters._
import scala.util.Random

import org.longform.kernels.context.{ContextFactory, ContextStrategies, ContextStrategy, ModelLimits}
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.weights.TempDirectory

object SessionFixtures {
  def withDecoder[A](model: TinyModel)(body: Decoder => A): A = TempDirectory.use { directory =>
    val decoder = Decoder.load(model.write(directory), new ReferenceDevice().open(1))
    try body(decoder)
    finally decoder.close()
  }

  def withSession[A](decoder: Decoder, strategy: ContextStrategy)(body: Session => A): A = {
    val session = decoder.open(strategy)
    try body(session)
    finally session.close()
  }

  /** The strategies that can read with a model of this shape and their defaults. */
  def usable(window: Long, layers: Int): Seq[ContextFactory] =
    ContextStrategies.ALL.asScala.filterNot(_.whyUnavailable(new ModelLimits(window, layers)).isPresent).toSeq

  def full(decoder: Decoder, chunk: Int): ContextStrategy =
    ContextStrategies.create("full", JMap.of("chunk-size", chunk.toString), decoder.limits())

  def tokens(count: Int, vocabulary: Int, seed: Long): Array[Int] = {
    val random = new Random(seed)
    Array.fill(count)(random.nextInt(vocabulary))
  }

  /** Largest difference, relative to the largest expected value. */
  def difference(found: Array[Float], expected: Array[Double]): Double = {
    require(found.length == expected.length, s"${found.length} values, expected ${expected.length}")
    val largest = expected.map(math.abs).max
    found.zip(expected).map { case (a, b) => math.abs(a - b) / largest }.max
  }
}
