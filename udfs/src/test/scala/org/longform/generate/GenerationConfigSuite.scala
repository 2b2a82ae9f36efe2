package org.longform.generate

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.options.{GenerationOptions, OptionSource, Options}
import org.longform.tokenizer.ModelFiles
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.Files
import scala.collection.JavaConverters._

class GenerationConfigSuite extends AnyFunSuite {
  private def load(json: String): GenerationConfig = {
    val directory = Files.createTempDirectory("generation-config")
    Files.write(directory.resolve("generation_config.json"), json.getBytes("UTF-8"))
    GenerationConfig.load(ModelFiles.of(directory))
  }

  private def message(json: String): String = {
    val error = intercept[LongformException](load(json))
    assert(error.errorClass == ErrorClass.INVALID_MODEL)
    assert(error.getMessage.contains("generation_config.json'"))
    error.getMessage
  }

  test("a model without the file sets nothing") {
    val config = GenerationConfig.load(ModelFiles.of(Files.createTempDirectory("no-generation-config")))
    assert(config.defaults == Options.defaults() && config.eosIds.isEmpty)
  }

  test("temperature and its companions count only where the model samples") {
    val values = """"temperature": 0.6, "top_p": 0.9, "top_k": 20, "min_p": 0.1"""
    val silent = load(s"""{$values, "repetition_penalty": 1.1, "max_new_tokens": 9}""").defaults
    assert(silent.get(GenerationOptions.TEMPERATURE) == 0.0)
    assert(!silent.isSet(GenerationOptions.TOP_P))
    assert(silent.get(GenerationOptions.REPETITION_PENALTY) == 1.1)
    assert(silent.get(GenerationOptions.MAX_NEW_TOKENS) == 9)
    val sampling = load(s"""{$values, "do_sample": true}""").defaults
    assert(sampling.get(GenerationOptions.TEMPERATURE) == 0.6)
    assert(sampling.get(GenerationOptions.TOP_P) == 0.9)
    assert(sampling.get(GenerationOptions.TOP_K) == 20)
    assert(sampling.get(GenerationOptions.MIN_P) == 0.1)
    assert(sampling.sourceOf(GenerationOptions.MIN_P) == OptionSource.MODEL)
  }

  test("a model that samples and says no more has the defaults of Transformers") {
    val defaults = load("""{"do_sample": true}""").defaults
    assert(defaults.get(GenerationOptions.TEMPERATURE) == 1.0)
    assert(defaults.get(GenerationOptions.TOP_K) == 50)
    assert(defaults.get(GenerationOptions.TOP_P) == 1.0)
  }

  test("the end token is one id or a list") {
    assert(load("""{"eos_token_id": 7}""").eosIds.asScala == Seq(7))
    assert(load("""{"eos_token_id": [7, 8, 7]}""").eosIds.asScala == Seq(7, 8))
    assert(load("""{"eos_token_id": null}""").eosIds.isEmpty)
  }

  test("where the file names no end token, config.json does, for the model or for its text part") {
    def ends(config: String): Seq[Int] = {
      val directory = Files.createTempDirectory("generation-config")
      Files.write(directory.resolve("config.json"), config.getBytes("UTF-8"))
      GenerationConfig.load(ModelFiles.of(directory)).eosIds.asScala.map(_.intValue).toSeq
    }
    assert(ends("""{"eos_token_id": [1, 106], "text_config": {"eos_token_id": 3}}""") == Seq(1, 106))
    assert(ends("""{"eos_token_id": null, "text_config": {"eos_token_id": 3}}""") == Seq(3))
    assert(ends("""{"text_config": 5}""").isEmpty)
  }

  test("wrong contents are refused with file and field") {
    assert(message("{").contains("it is not JSON"))
    assert(message("[]").contains("it must hold a JSON object"))
    assert(message("""{"eos_token_id": "x"}""").contains("eos_token_id must be a token id"))
    assert(message("""{"eos_token_id": [1, -2]}""").contains("([1,-2])"))
    assert(
      message("""{"do_sample": true, "temperature": "hot"}""").contains(
        "temperature must be a decimal number that must be from 0 to 100 (\"hot\")"
      )
    )
    assert(message("""{"do_sample": "yes"}""").contains("do_sample must be true or false"))
    assert(message("""{"max_new_tokens": 1e99}""").contains("max_new_tokens must be a whole"))
    assert(message("[" * 5000).contains("it is not JSON"))
  }
}
