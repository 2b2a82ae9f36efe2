package org.longform.kernels.model

import java.nio.file.Files

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.families.LlamaFamily
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

class RopeScalingSuite extends AnyFunSuite {

  private def spec(rope: String, headDim: Int = 64, window: Int = 4096): DecoderSpec =
    TempDirectory.use { directory =>
      val model = TinyModel(headDim = headDim, window = window, rope = rope, layers = 1)
      Files.writeString(directory.resolve("config.json"), model.configJson)
      new LlamaFamily().spec(ModelConfig.read(directory))
    }

  private def same(found: Array[Double], expected: Array[Double]): Unit = {
    assert(found.length === expected.length)
    found.zip(expected).foreach { case (a, b) => assert(math.abs(a - b) <= 1e-12 * math.abs(b)) }
  }

  private def frequencies(
      rope: String,
      headDim: Int = 64,
      window: Int = 4096,
      length: Long = 1
  ): Array[Double] =
    spec(rope, headDim, window).rope().encoding(length).inverseFrequencies()

  test("plain and linear frequencies") {
    same(frequencies(""), NaiveRope.plain(64, 10000))
    same(frequencies(""","rope_scaling":null"""), NaiveRope.plain(64, 10000))
    same(frequencies(""","rope_scaling":{"type":"default"}"""), NaiveRope.plain(64, 10000))
    same(frequencies(""","rope_scaling":{"type":"linear","factor":2.5}"""), NaiveRope.linear(64, 10000, 2.5))
  }

  test("the type may be called type or rope_type, and theta may stand in rope_parameters") {
    val old = frequencies(""","rope_scaling":{"type":"linear","factor":4}""")
    same(frequencies(""","rope_scaling":{"rope_type":"linear","factor":4.0}"""), old)
    same(frequencies(""","rope_parameters":{"rope_type":"linear","factor":4.0}"""), old)
    val theta = ""","rope_parameters":{"rope_type":"default","rope_theta":500000.0}"""
    same(frequencies(theta), NaiveRope.plain(64, 500000))
  }

  test("dynamic frequencies stay up to the window and stretch beyond it") {
    val rope = ""","rope_scaling":{"rope_type":"dynamic","factor":2.0}"""
    for (length <- Seq(1L, 4096L)) same(frequencies(rope, length = length), NaiveRope.plain(64, 10000))
    for (length <- Seq(4097L, 8192L, 200000000L))
      same(frequencies(rope, length = length), NaiveRope.dynamic(64, 10000, 2, 4096, length.toDouble))
  }

  private val llama31 =
    ""","rope_scaling":{"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"},"rope_parameters":null"""

  test("llama3 frequencies keep, divide and ramp") {
    val found = frequencies(llama31, headDim = 128, window = 131072)
    same(found, NaiveRope.llama3(128, 10000, 8, 1, 4, 8192))
    val plain = NaiveRope.plain(128, 10000)
    val ratios = found.zip(plain).map { case (a, b) => a / b }
    assert(ratios.head === 1.0)
    assert(math.abs(ratios.last - 0.125) < 1e-12)
    assert(ratios.exists(r => r > 0.13 && r < 0.99))
    assert(spec(llama31, 128, 131072).trainedWindow() === 8192)
  }

  test("llama3 frequencies of Llama 3.1 are the known ones") {
    val found = new RopeScaling.Llama3(8, 1, 4, 8192).inverseFrequencies(500000, 128, 1)
    val known = Map(
      0 -> 1.0,
      28 -> 0.003211445994752591,
      29 -> 0.002166570763503359,
      34 -> 0.0001785078127679964,
      35 -> 9.556212353964683e-05,
      63 -> 3.068925988914511e-07
    )
    known.foreach { case (pair, value) => assert(math.abs(found(pair) / value - 1) < 1e-12) }
  }

  test("yarn frequencies with whole and exact borders, other betas") {
    def rope(more: String) =
      s""","rope_scaling":{"type":"yarn","factor":4.0,"original_max_position_embeddings":1024$more}"""
    same(frequencies(rope(""), 128), NaiveRope.yarn(128, 10000, 4, 1024, 32, 1, truncate = true))
    same(
      frequencies(rope(""","truncate":false"""), 128),
      NaiveRope.yarn(128, 10000, 4, 1024, 32, 1, truncate = false)
    )
    same(
      frequencies(rope(""","beta_fast":16,"beta_slow":2.0"""), 128),
      NaiveRope.yarn(128, 10000, 4, 1024, 16, 2, truncate = true)
    )
    // without an original window the current one is meant
    same(
      frequencies(""","rope_scaling":{"type":"yarn","factor":4.0}""", 128),
      NaiveRope.yarn(128, 10000, 4, 4096, 32, 1, truncate = true)
    )
    // without a factor the windows give it
    same(
      frequencies(""","rope_scaling":{"type":"yarn","original_max_position_embeddings":512}""", 128),
      NaiveRope.yarn(128, 10000, 8, 512, 32, 1, truncate = true)
    )
  }

  test("yarn attention factors") {
    def factor(more: String): Double =
      spec(s""","rope_scaling":{"rope_type":"yarn","factor":40.0$more}""").rope().scaling().attentionFactor()
    val plain = 0.1 * math.log(40) + 1
    assert(factor("") === plain)
    assert(factor(""","attention_factor":1.25""") === 1.25)
    assert(
      math.abs(
        factor(""","mscale":0.707,"mscale_all_dim":1.4""") - (0.0707 * math.log(40) + 1) / (0.14 * math.log(
          40
        ) + 1)
      ) < 1e-15
    )
    assert(factor(""","mscale":1.0,"mscale_all_dim":1.0""") === 1.0)
    // zero is as if it were absent
    assert(factor(""","mscale":1.0,"mscale_all_dim":0""") === plain)
    assert(factor(""","mscale":0.5""") === plain)
  }

  private def refusal(errorClass: ErrorClass, rope: String, headDim: Int = 64): String = {
    val error = intercept[LongformException](spec(rope, headDim))
    assert(error.errorClass === errorClass)
    error.getMessage
  }

  test("an unknown kind of scaling is refused with the known ones") {
    val message =
      refusal(ErrorClass.UNSUPPORTED_MODEL, ""","rope_scaling":{"rope_type":"spiral","factor":2}""")
    assert(
      message.contains(
        "rope_scaling.rope_type = 'spiral', which is unknown (known: default, linear, dynamic, llama3, yarn, longrope, clex)"
      )
    )
    assert(
      refusal(ErrorClass.UNSUPPORTED_MODEL, ""","rope_scaling":{"type":"su"}""").contains(
        "rope_scaling.type = 'su'"
      )
    )
  }

  test("missing and wrong numbers of a scaling are refused with key and value") {
    def invalid(rope: String, headDim: Int = 64) = refusal(ErrorClass.INVALID_MODEL, rope, headDim)
    assert(
      invalid(""","rope_scaling":{"type":"linear"}""").contains(
        "lacks rope_scaling.factor, expected a number above 0"
      )
    )
    assert(
      invalid(""","rope_scaling":{"type":"linear","factor":"x"}""").contains(
        "rope_scaling.factor = x, expected"
      )
    )
    assert(
      invalid(""","rope_scaling":{"type":"linear","factor":0.5}""").contains(
        "rope_scaling.factor = 0.5, expected a number of at least 1"
      )
    )
    assert(
      invalid(""","rope_scaling":{"type":"linear","factor":1e999}""").contains(
        "rope_scaling.factor = Infinity"
      )
    )
    assert(
      invalid(""","rope_scaling":{"factor":2}""")
        .contains("lacks rope_scaling.rope_type, expected a kind of scaling to go with factor")
    )
    assert(invalid(""","rope_scaling":7""").contains("rope_scaling = 7, expected an object"))
    assert(invalid(""","rope_scaling":{"type":3}""").contains("rope_scaling.type = 3, expected a text"))
    assert(
      invalid(""","rope_scaling":{"type":"dynamic","factor":2}""", 2).contains(
        "at least 4 rotated dimensions"
      )
    )
    val llama3 =
      ""","rope_scaling":{"type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":8}"""
    assert(invalid(llama3).contains("high_freq_factor = 4, expected more than low_freq_factor = 4.0"))
    assert(
      invalid(""","rope_parameters":{"rope_type":"yarn","factor":2,"rope_theta":1}""").contains("rope_theta")
    )
  }
}
