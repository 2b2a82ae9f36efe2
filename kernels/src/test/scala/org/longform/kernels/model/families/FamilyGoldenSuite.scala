package org.longform.kernels.model.families

import java.nio.file.Path

import scala.collection.JavaConverters._
import scala.collection.mutable

import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.device.{Devices, Kernels}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model.families.Naive.Vec
import org.longform.kernels.model.{Decoder, ModelConfig, ModelFamilies, Session}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Every model family against decoders that share nothing with the engine. */
class FamilyGoldenSuite extends AnyFunSuite {
  private val text: Array[Int] = tokens(41, 101, 7)

  // float32 sums of some hundred products in each of up to seven layers, and positions in float32
  private val tolerance = 2e-5

  private val expected = mutable.Map[String, Seq[Vec]]()

  private def golden(family: FamilyCase): Seq[Vec] =
    expected.getOrElseUpdate(family.name, family.naive(text.toSeq))

  private def withDecoder[A](path: Path, kernels: Kernels)(body: Decoder => A): A = {
    val decoder = Decoder.load(path, kernels)
    try body(decoder)
    finally decoder.close()
  }

  /** The logits after each block and after each token behind the blocks, with the index of the token. */
  private def read(family: FamilyCase, session: Session): Seq[(Int, Array[Float])] = {
    val ends = family.blocks.scanLeft(0)(_ + _)
    val prefilled = ends.zip(family.blocks).map { case (from, count) =>
      session.feed(text, from, count)
      session.flush()
      (from + count - 1, session.logits())
    }
    prefilled ++ (ends.last until text.length).map { t =>
      session.step(text(t))
      (t, session.logits())
    }
  }

  for (provider <- Devices.ALL.asScala if !provider.whyUnavailable().isPresent) {
    lazy val kernels: Kernels = provider.open(2)
    for (family <- FamilyCases.ALL)
      test(s"${family.name} on device ${provider.name()} has the logits of the naive decoder") {
        TempDirectory.use { directory =>
          withDecoder(family.checkpoint.write(directory), kernels) { decoder =>
            val chunk = if (family.blocks.length == 1) family.blocks.head else 7
            val found = withSession(decoder, full(decoder, chunk))(read(family, _))
            assert(found.last._1 === text.length - 1)
            for ((t, logits) <- found) {
              val error = difference(logits, golden(family)(t))
              assert(error < tolerance, s"after token $t")
            }
          }
        }
      }
  }

  for (family <- FamilyCases.ALL)
    test(s"${family.name} reads a short text with lm-infinite as with full attention") {
      TempDirectory.use { directory =>
        withDecoder(family.checkpoint.write(directory), new ReferenceDevice().open(1)) { decoder =>
          def logits(strategy: String): Array[Float] = {
            val context = ContextStrategies.create(strategy, java.util.Map.of(), decoder.limits())
            withSession(decoder, context) { session =>
              session.feed(text, 0, 11)
              session.flush()
              session.step(text(11))
              session.logits()
            }
          }
          assert(difference(logits("lm-infinite"), logits("full").map(_.toDouble)) < tolerance)
        }
      }
    }

  test("every listed family has a golden model") {
    val found = FamilyCases.ALL.map { family =>
      TempDirectory.use { directory =>
        ModelFamilies.of(ModelConfig.read(family.checkpoint.write(directory))).name()
      }
    }
    assert(found.toSet === ModelFamilies.ALL.asScala.map(_.name()).toSet)
  }

  test("golden models have names of their own") {
    val names = FamilyCases.ALL.map(_.name)
    assert(names.distinct === names)
  }
}
