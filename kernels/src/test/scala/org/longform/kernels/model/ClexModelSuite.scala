package org.longform.kernels.model

import java.nio.file.{Files, Path}
import java.util.Optional

import scala.collection.JavaConverters._

import org.longform.kernels.attention.{FrequencyFlow, NaiveFlow}
import org.longform.kernels.context.{ContextStrategies, ContextStrategy}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.{DType, Shape, Tensor}
import org.longform.kernels.weights.{TempDirectory, WeightSource}
import org.scalatest.funsuite.AnyFunSuite

/** Models that come with learned frequencies. */
class ClexModelSuite extends AnyFunSuite {
  private def scaling(changes: (String, String)*): String = {
    val values =
      Map("type" -> "\"clex\"", "max_factor" -> "3", "time_dt" -> "0.02", "factor" -> "1") ++ changes
    values.map { case (k, v) => s""""$k":$v""" }.mkString(""","rope_scaling":{""", ",", "}")
  }

  private val model = TinyModel(window = 16, clexWidth = 8, rope = scaling(), seed = 31)
  private val ids = tokens(60, model.vocabulary, 31)
  private val plain = NaiveDecoder.plainFrequencies(model.headDim)

  private def frequencies(of: TinyModel, activation: FrequencyFlow.Activation, factor: Int): Array[Double] = {
    def weights(name: String) = of.weights(s"model.clex_layer.proj_func.$name").map(_.toFloat)
    NaiveFlow.frequencies(
      plain,
      new FrequencyFlow.Network(weights("ode_up_proj"), weights("ode_down_proj"), activation),
      factor,
      100
    )
  }

  private def clex(decoder: Decoder): ContextStrategy =
    ContextStrategies.create("clex", Map("chunk-size" -> "7").asJava, decoder.limits())

  test("a document is read with the frequencies that the model learned for its length") {
    for (
      (activation, word) <- Seq(
        FrequencyFlow.Activation.TANH -> "\"tanh\"",
        FrequencyFlow.Activation.SILU -> "null"
      )
    ) {
      val learned = model.copy(rope = scaling("act" -> word))
      withDecoder(learned) { decoder =>
        // three windows and more have those of three
        for ((count, factor) <- Seq((16, 1), (17, 2), (32, 2), (40, 3), (60, 3))) {
          val expected =
            new NaiveDecoder(learned, frequencies(learned, activation, factor)).logits(ids.take(count).toSeq)
          withSession(decoder, clex(decoder)) { session =>
            session.expectPromptTokens(count.toLong)
            session.feed(ids, 0, count)
            session.flush()
            assert(difference(session.logits(), expected.last) < 1e-4, s"$word, $count tokens")
          }
        }
      }
    }
  }

  test("columns may be several times the dimensions") {
    val wide = model.copy(clexWidth = 16, rope = scaling("param_factor" -> "2", "act" -> "\"tanh\""))
    withDecoder(wide) { decoder =>
      val found = decoder.limits().flow().get().inverseFrequencies(3)
      val expected = frequencies(wide, FrequencyFlow.Activation.TANH, 3)
      found.zip(expected).foreach { case (a, b) => assert(math.abs(math.log(a / b)) < 1e-6) }
    }
  }

  test("other contexts read such a model at the frequencies of its window") {
    withDecoder(model) { decoder =>
      val expected = new NaiveDecoder(model, plain).logits(ids.take(40).toSeq)
      withSession(decoder, full(decoder, 9)) { session =>
        session.feed(ids, 0, 40)
        session.flush()
        assert(difference(session.logits(), expected.last) < 1e-4)
      }
    }
  }

  test("what a model is on disk tells its frequencies, and a model without them has none") {
    TempDirectory.use { directory =>
      assert(StoredModel.spec(model.write(directory)).limits().flow().get().most() == 3)
    }
    TempDirectory.use { directory =>
      assert(!StoredModel.spec(TinyModel().write(directory)).limits().flow().isPresent)
    }
  }

  private def refusal(errorClass: ErrorClass, broken: TinyModel): String =
    TempDirectory.use { directory =>
      val path = broken.write(directory)
      val error = intercept[LongformException](StoredModel.open(path))
      assert(error.errorClass() == errorClass)
      val again = intercept[LongformException](StoredModel.spec(path))
      assert(again.getMessage == error.getMessage)
      error.getMessage
    }

  test("matrices that are missing or of another shape are refused") {
    val missing = refusal(ErrorClass.INVALID_MODEL, model.copy(clexWidth = 0))
    assert(missing.contains("model.clex_layer.proj_func.ode_up_proj"))
    val narrow = refusal(ErrorClass.INVALID_MODEL, model.copy(clexWidth = 7))
    assert(narrow.contains("model.clex_layer.proj_func.ode_up_proj"))
  }

  test("matrices that lead nowhere are refused") {
    val tanh = model.copy(rope = scaling("act" -> "\"tanh\""))
    val spec = TempDirectory.use(directory => StoredModel.spec(tanh.write(directory)))
    val config = TempDirectory.use(directory => ModelConfig.read(tanh.write(directory)))
    val clex = spec.rope().scaling().asInstanceOf[RopeScaling.Clex]
    val incomplete = spec.stored(
      spec.names(),
      new RopeSpec(
        spec.rope().theta(),
        spec.rope().rotaryDims(),
        new RopeScaling.Clex(clex.equation(), Optional.empty()),
        spec.rope().layout()
      ),
      spec.traits()
    )
    assert(FlowWeights.areNeeded(incomplete) && !FlowWeights.areNeeded(spec))
    for (value <- Seq(Float.NaN, 1e30f, Float.PositiveInfinity)) {
      val error = intercept[LongformException](
        FlowWeights.completed(config, incomplete, new Constant(value))
      )
      assert(error.errorClass() == ErrorClass.INVALID_MODEL)
      assert(error.getMessage.contains("which lead to a frequency of "))
      assert(error.getMessage.contains("at 2 times the window, expected finite numbers above 0"))
    }
  }

  private class Constant(value: Float) extends WeightSource {
    override def names(): java.util.Set[String] = java.util.Set.of()
    override def tensor(name: String, expected: Shape): Tensor =
      Tensor.of(Array.fill(expected.elements().toInt)(value), expected.axis(0).toInt, expected.axis(1).toInt)
    override def contains(name: String): Boolean = true
    override def shape(name: String): Optional[Shape] = Optional.empty()
    override def bytes(): Long = 0
    override def close(): Unit = ()
  }

  test("wrong numbers are refused before anything is computed with them") {
    def invalid(changes: (String, String)*) =
      refusal(ErrorClass.INVALID_MODEL, model.copy(rope = scaling(changes: _*)))
    assert(
      invalid("max_factor" -> "65").contains("rope_scaling.max_factor = 65, expected a whole number up to 64")
    )
    assert(invalid("max_factor" -> "null").contains("lacks rope_scaling.max_factor"))
    assert(invalid("max_factor" -> "0").contains("rope_scaling.max_factor = 0"))
    assert(
      invalid("param_factor" -> "5").contains(
        "rope_scaling.param_factor = 5, expected a whole number up to 4"
      )
    )
    assert(invalid("time_dt" -> "0.0001").contains("expected a number from 0.005 to 1"))
    assert(invalid("time_dt" -> "2").contains("rope_scaling.time_dt = 2"))
    val act = refusal(ErrorClass.UNSUPPORTED_MODEL, model.copy(rope = scaling("act" -> "\"relu\"")))
    assert(act.contains("rope_scaling.act = 'relu', which is unknown (known: tanh, silu)"))
  }

  test("such a model is not converted: its other files would lack what it learned") {
    TempDirectory.use { directory =>
      val stored = StoredModel.open(model.write(directory))
      try {
        val conversion = new ModelExport(stored, DType.F16)
        def refused(body: => Any): String = {
          val error = intercept[LongformException](body)
          assert(error.errorClass() == ErrorClass.UNSUPPORTED_MODEL)
          error.getMessage
        }
        val file: Path = directory.resolve("other.safetensors")
        assert(refused(conversion.writeSafetensors(file)).contains("must stay as they are"))
        assert(!Files.exists(file))
        assert(
          refused(conversion.ggufMetadata("tiny"))
            .contains("GGUF has no word for its scaling of positions (clex)")
        )
      } finally stored.close()
    }
  }
}
