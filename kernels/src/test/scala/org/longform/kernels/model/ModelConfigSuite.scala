package org.longform.kernels.model

import java.nio.file.Files

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.DecoderSpec.Trait
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class ModelConfigSuite extends AnyFunSuite {

  private val valid = Map(
    "architectures" -> """["LlamaForCausalLM"]""",
    "hidden_size" -> "128",
    "intermediate_size" -> "320",
    "num_hidden_layers" -> "4",
    "num_attention_heads" -> "4",
    "vocab_size" -> "2048",
    "max_position_embeddings" -> "512"
  )

  private def spec(values: Map[String, String]): DecoderSpec = TempDirectory.use { directory =>
    val json = values.map { case (k, v) => s""""$k":$v""" }.mkString("{", ",", "}")
    Files.writeString(directory.resolve("config.json"), json)
    val config = ModelConfig.read(directory)
    ModelFamilies.of(config).spec(config)
  }

  private def refusal(errorClass: ErrorClass, change: (String, String)): String = {
    val error = intercept[LongformException](spec(valid + change))
    assert(error.errorClass === errorClass)
    assert(error.getMessage.startsWith("Cannot load model '"))
    error.getMessage
  }

  test("the defaults of an old config") {
    val old = spec(valid)
    assert(old.headDim() === 32)
    assert(old.layer(3).kvHeads() === 4)
    assert(old.normEpsilon() === 1e-6)
    assert(old.rope().theta() === 10000.0)
    assert(old.traits().isEmpty)
    assert(old.trainedWindow() === 512)
  }

  test("an explicit head_dim wins over hidden / heads") {
    val wide =
      spec(valid ++ Map("head_dim" -> "32", "num_attention_heads" -> "6", "num_key_value_heads" -> "2"))
    assert(wide.headDim() === 32)
    assert(wide.queryWidth(0) === 192)
    assert(wide.kvWidth(3) === 64)
  }

  test("traits follow the config") {
    val all =
      spec(valid ++ Map("tie_word_embeddings" -> "true", "attention_bias" -> "true", "mlp_bias" -> "true"))
    val traits = Set(Trait.TIED_EMBEDDINGS, Trait.QKV_BIAS, Trait.OUTPUT_BIAS, Trait.FFN_BIAS)
    assert(all.traits().asScala.toSet === traits)
  }

  test("an unknown family is refused with the known ones") {
    assert(
      refusal(ErrorClass.UNSUPPORTED_MODEL, "architectures" -> """["FooForCausalLM"]""")
        .contains("family 'FooForCausalLM' is unknown (known: llama, mistral, ")
    )
    val byType = intercept[LongformException](spec(valid - "architectures" + ("model_type" -> "\"foo\"")))
    assert(byType.getMessage.contains("family 'foo' is unknown (known: llama, mistral, "))
    assert(spec(valid - "architectures" + ("model_type" -> "\"llama\"")).family() === "llama")
    assert(
      refusal(ErrorClass.UNSUPPORTED_MODEL, "architectures" -> "[]").contains(
        "without architectures and model_type"
      )
    )
    assert(
      refusal(ErrorClass.INVALID_MODEL, "architectures" -> "[1]").contains(
        "architectures = [1], expected a list of texts"
      )
    )
  }

  test("what the engine cannot compute is refused") {
    assert(
      refusal(ErrorClass.UNSUPPORTED_MODEL, "hidden_act" -> "\"gelu\"").contains(
        "hidden_act = 'gelu', which is unknown (known: silu, swish)"
      )
    )
  }

  test("missing, garbage, negative and overflowing numbers are refused with key and value") {
    for (value <- Seq("-1", "0", "2.5", "\"x\"", "[]", "true", "99999999999999999999", "2147483648", "1e300"))
      assert(
        refusal(ErrorClass.INVALID_MODEL, "hidden_size" -> value)
          .contains("hidden_size = ") && refusal(ErrorClass.INVALID_MODEL, "hidden_size" -> value)
          .contains("expected a whole number from 1 to 2147483647"),
        value
      )
    assert(
      refusal(ErrorClass.INVALID_MODEL, "vocab_size" -> "null").contains(
        "lacks vocab_size, expected a whole number"
      )
    )
    assert(
      refusal(ErrorClass.INVALID_MODEL, "rms_norm_eps" -> "-1e-5").contains(
        "rms_norm_eps = -1.0E-5, expected a number above 0"
      )
    )
    assert(
      refusal(ErrorClass.INVALID_MODEL, "tie_word_embeddings" -> "1").contains(
        "tie_word_embeddings = 1, expected true or false"
      )
    )
    assert(
      refusal(ErrorClass.INVALID_MODEL, "num_key_value_heads" -> "3").contains(
        "num_key_value_heads = 3, which does not divide num_attention_heads = 4"
      )
    )
    assert(
      refusal(ErrorClass.INVALID_MODEL, "num_attention_heads" -> "5").contains(
        "num_attention_heads = 5, which does not divide hidden_size = 128"
      )
    )
    assert(
      refusal(ErrorClass.INVALID_MODEL, "head_dim" -> "7").contains(
        "heads of 7 dimensions, expected an even number"
      )
    )
    assert(
      refusal(ErrorClass.INVALID_MODEL, "head_dim" -> "2147483646").contains(
        "which is more than 2147483647 in all"
      )
    )
    assert(refusal(ErrorClass.INVALID_MODEL, "hidden_size" -> ("\"" + "y" * 5000 + "\"")).length < 400)
  }

  test("a window may be written with a decimal point and be larger than an int") {
    assert(spec(valid + ("max_position_embeddings" -> "1048576.0")).trainedWindow() === 1048576)
    assert(spec(valid + ("max_position_embeddings" -> "10000000000")).trainedWindow() === 10000000000L)
  }

  test("a missing or damaged file is refused") {
    TempDirectory.use { directory =>
      val missing = intercept[LongformException](ModelConfig.read(directory))
      assert(missing.getMessage.contains("config.json': the file does not exist"))
      Files.writeString(directory.resolve("config.json"), "{\"hidden_size\":")
      val damaged = intercept[LongformException](ModelConfig.read(directory))
      assert(damaged.errorClass === ErrorClass.INVALID_MODEL)
      assert(damaged.getMessage.contains("config.json': it is not JSON"))
    }
  }
}
