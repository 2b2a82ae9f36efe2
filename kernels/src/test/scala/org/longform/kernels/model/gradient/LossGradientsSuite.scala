package org.longform.kernels.model.gradient

import java.nio.file.Files

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.{
  ChangedModels,
  ModelExport,
  NaiveDecoder,
  NaiveRope,
  StoredModel,
  TinyModel
}
import org.longform.kernels.model.SessionFixtures.tokens
import org.longform.kernels.tensor.DType
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.collection.mutable
import scala.util.Random

/** Derivatives beside finite differences of the naive decoder, which knows no derivatives. */
class LossGradientsSuite extends AnyFunSuite {
  private def parameters(
      model: StoredModel,
      samples: Seq[Array[Int]]
  ): (Double, Map[String, Parameter]) = {
    val found = mutable.Map[String, Parameter]()
    val receiver = new LossGradients.Receiver {
      override def layer(layer: Int, parameters: LayerParameters): Unit =
        parameters.all().forEach(p => found += p.name() -> p)
      override def wantsOutside(): Boolean = true
      override def outside(parameters: OutsideParameters): Unit =
        parameters.all().forEach(p => found += p.name() -> p)
    }
    val loss = LossGradients.compute(model, samples.asJava, receiver)
    (loss, found.toMap)
  }

  private def loss(model: TinyModel, frequencies: Array[Double], factor: Double, ids: Array[Int]): Double = {
    val logits = new NaiveDecoder(model, frequencies, factor).logits(ids.toSeq)
    val surprises = NaiveDecoder.surprises(logits, ids.toSeq)
    surprises.sum / surprises.size
  }

  private val plain = TinyModel(headDim = 4, hidden = 12, intermediate = 10, layers = 2, vocabulary = 20)
  private val yarn =
    ""","rope_scaling":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":16}"""

  private val models = Seq[(String, TinyModel, Array[Double], Double)](
    ("grouped queries", plain, NaiveDecoder.plainFrequencies(4), 1),
    (
      "a key head for each query head, biases",
      plain.copy(kvHeads = 4, biases = true, seed = 2),
      NaiveDecoder.plainFrequencies(4),
      1
    ),
    (
      "one key head for four, tied embeddings",
      plain.copy(kvHeads = 1, tied = true, seed = 3),
      NaiveDecoder.plainFrequencies(4),
      1
    ),
    (
      "scaled positions with a factor on the attention",
      plain.copy(rope = yarn, seed = 4),
      NaiveRope.yarn(4, 10000, 4, 16, 32, 1, truncate = true),
      0.1 * math.log(4) + 1
    )
  )

  for ((what, tiny, frequencies, factor) <- models)
    test(s"loss and derivatives equal those of finite differences: $what") {
      val samples = Seq(tokens(6, tiny.vocabulary, 11), tokens(9, tiny.vocabulary, 12))
      TempDirectory.use { directory =>
        ChangedModels.opened(tiny.write(directory)) { model =>
          val (found, derivatives) = parameters(model, samples)
          def mean(changed: TinyModel): Double =
            samples.map(loss(changed, frequencies, factor, _)).sum / samples.size
          assert(math.abs(found - mean(tiny)) < 1e-9)
          assert(derivatives.keySet == tiny.weights.keySet)
          val random = new Random(5)
          for ((name, parameter) <- derivatives) {
            assert(parameter.values().toSeq == tiny.weights(name).toSeq)
            for (_ <- 0 until 5) {
              val at = random.nextInt(parameter.values().length)
              def moved(by: Double): TinyModel = tiny.altering(name -> { values => values(at) += by; values })
              val step = 1e-4
              val each = samples.map { ids =>
                (loss(moved(step), frequencies, factor, ids) - loss(moved(-step), frequencies, factor, ids)) /
                  (2 * step)
              }
              assert(math.abs(parameter.gradient()(at) - each.sum / 2) < 1e-6, s"$name[$at]")
              assert(
                math.abs(parameter.squares()(at) - each.map(g => g * g).sum / 2) < 1e-6,
                s"$name[$at] squared"
              )
            }
          }
          // something was compared, not zeros with zeros
          assert(derivatives.values.forall(_.gradient().exists(g => math.abs(g) > 1e-5)))
        }
      }
    }

  test("a GGUF file, whose heads have their pairs in another order, has the same derivatives") {
    val samples = Seq(tokens(9, plain.vocabulary, 12))
    TempDirectory.use { directory =>
      val file = directory.resolve("model.gguf")
      val source = plain.write(Files.createDirectory(directory.resolve("source")))
      ChangedModels.opened(source) { model =>
        val export = new ModelExport(model, DType.F32)
        export.writeGguf(file, export.ggufMetadata("test"))
        val expected = parameters(model, samples)
        ChangedModels.opened(file) { other =>
          val found = parameters(other, samples)
          assert(math.abs(found._1 - expected._1) < 1e-9)
          def compare(name: String, same: String): Unit = {
            val pairs = found._2(name).gradient().zip(expected._2(same).gradient())
            assert(pairs.forall { case (a, b) => math.abs(a - b) < 1e-9 }, name)
          }
          compare("blk.0.attn_output.weight", "model.layers.0.self_attn.o_proj.weight")
          compare("blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight")
          // rows of queries change places, their sum does not
          val queries = found._2("blk.0.attn_q.weight").gradient().sum
          val others = expected._2("model.layers.0.self_attn.q_proj.weight").gradient().sum
          assert(math.abs(queries - others) < 1e-9)
        }
      }
    }
  }

  test("samples that cannot be read are refused") {
    TempDirectory.use { directory =>
      ChangedModels.opened(plain.write(directory)) { model =>
        def refused(samples: Array[Int]*): String = {
          val error = intercept[LongformException](parameters(model, samples))
          assert(error.errorClass === ErrorClass.INVALID_INPUT)
          error.getMessage
        }
        assert(refused().startsWith("Cannot compute gradients: there are no samples."))
        assert(refused(Array(1)).contains("a sample has 1 tokens, and the first is not predicted"))
        assert(refused(Array(1, 20)).contains("token 20 is not in the vocabulary (0 to 19)"))
      }
    }
  }
}
