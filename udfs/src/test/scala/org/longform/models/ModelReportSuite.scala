package org.longform.models

import java.nio.file.{Files, Path}

import org.longform.datasets.models.BundledModels
import org.longform.kernels.device.Devices
import org.longform.kernels.model.Decoder
import org.longform.tokenizer.{GgufFixtures, TestModels}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class ModelReportSuite extends AnyFunSuite {
  private val bundled = BundledModels.localDirectory("longform-tiny")

  private def report(path: Path): ModelReport = ModelReport.of(new ModelLocation(path.toString, path))

  private def problems(path: Path): Seq[String] = report(path).problems.asScala.toSeq

  /** The bundled model with some files changed, or without those of which nothing is given. */
  private def changed(files: (String, Option[String])*): Path = {
    val directory = Files.createTempDirectory("model")
    bundled.toFile.listFiles.foreach(file => Files.copy(file.toPath, directory.resolve(file.getName)))
    files.foreach { case (name, text) =>
      Files.deleteIfExists(directory.resolve(name))
      text.foreach(t => Files.write(directory.resolve(name), t.getBytes("UTF-8")))
    }
    directory
  }

  private def file(name: String): String = TestModels.text(name)

  private def withTemplate(template: String): Path = changed("chat_template.jinja" -> Some(template))

  test("nothing is wrong with the bundled model, and all is told that is printed") {
    val found = report(bundled)
    assert(found.problems.isEmpty, found.problems)
    assert(found.spec.get.trainedWindow == 512)
    assert(found.storedAs.asScala.map(_.numbers).sum == 1016960)
    assert(found.storedAs.get(0).`type` == "BF16")
    assert(found.weights.get.format == "safetensors")
    val tokenizer = found.tokenizer.get
    assert(tokenizer.kind == "byte-level BPE" && tokenizer.vocabulary == 2048)
    assert(tokenizer.bosToken.get == "<|bos|>" && tokenizer.specialTokens == 2)
    assert(!found.template.get.source.isPresent)
  }

  test("what each device adds to the files is what it takes when the model is loaded") {
    val tensors = report(bundled).weights.get.tensors.asScala
    val devices = Devices.ALL.asScala.filter(!_.whyUnavailable.isPresent)
    assert(devices.size >= 2)
    devices.foreach { device =>
      val told = tensors.map(t => device.ownBytes(t.dtype.get, t.shape)).sum
      val decoder = Decoder.load(bundled, device.open(1))
      try {
        assert(told == decoder.ownedBytes, device.name)
        assert(tensors.map(_.bytes).sum == decoder.mappedBytes)
      } finally decoder.close()
    }
  }

  test("an architecture that nobody knows does not hide what else is wrong") {
    val config = file("config.json").replace("LlamaForCausalLM", "MambaForCausalLM")
    val path = changed(
      "config.json" -> Some(config),
      "tokenizer.json" -> Some("[]"),
      "chat_template.jinja" -> Some("{{ messages | no_such_filter }}{{ messages is strange }}")
    )
    val found = report(path)
    assert(!found.spec.isPresent && !found.tokenizer.isPresent)
    assert(found.storedAs.asScala.map(_.numbers).sum == 1016960, "the weights are told nevertheless")
    val all = found.problems.asScala
    assert(all.exists(_.contains("family 'MambaForCausalLM' is unknown")))
    assert(all.exists(_.contains("it must hold a JSON object")))
    assert(all.exists(_.contains("the filter 'no_such_filter'")))
    assert(all.exists(_.contains("the test 'strange'")))
  }

  test("quantised and broken weights are told") {
    val quantised =
      file("config.json").replaceFirst("\\{", """{"quantization_config": {"quant_method": "x"},""")
    assert(problems(changed("config.json" -> Some(quantised))).exists(_.contains("quantization_config")))
    assert(problems(changed("model.safetensors" -> None)).exists(_.contains("it has neither")))
    assert(problems(changed("model.safetensors" -> Some("short"))).nonEmpty)
    val wider =
      file("config.json").replaceFirst("\"intermediate_size\": *\\d+", "\"intermediate_size\": 1024")
    val shapes = problems(changed("config.json" -> Some(wider)))
    assert(shapes.exists(_.contains("has shape")) && shapes.last.contains("other tensors"), shapes)
    assert(shapes.size <= 5)
  }

  test("a chat template is told with what it does with system prompts") {
    val none = report(withTemplate("{{ bos_token }}{{ messages[-1].content }}")).template.get
    assert(none.source.get == "chat_template.jinja" && !none.systemPrompts && none.problems.isEmpty)
    val own = report(withTemplate("{% for m in messages %}{{ m.content }}{% endfor %}")).template.get
    assert(own.systemPrompts)
    val refusing = problems(withTemplate("{{ raise_exception('no') }}"))
    assert(refusing.exists(_.contains("it refuses the messages ('no')")))
    val field =
      report(changed("tokenizer_config.json" -> Some("""{"chat_template": "{{ messages[0].content }}"}""")))
    assert(field.template.get.source.get == "tokenizer_config.json")
  }

  test("a tokenizer with more tokens than the model is told") {
    val config = file("config.json").replaceFirst("\"vocab_size\": *\\d+", "\"vocab_size\": 2000")
    assert(
      problems(changed("config.json" -> Some(config))).exists(_.contains("2048 tokens, and the model 2000"))
    )
  }

  test("a GGUF file of an unknown architecture with an unknown way to split words has both told") {
    val metadata = GgufFixtures
      .bytePairs(Some("my-words"))
      .putText("general.architecture", "strange")
      .putText("tokenizer.chat_template", "{{ messages[0].content }}")
    val found = report(GgufFixtures.file(metadata))
    val all = found.problems.asScala
    assert(all.exists(_.contains("architecture 'strange' is unknown")))
    assert(all.exists(_.contains("is 'my-words', which is unknown")))
    assert(found.weights.get.format == "GGUF file")
  }

  test("the kinds of tokenizers have names") {
    def kind(path: Path): String = report(path).tokenizer.get.kind
    assert(kind(TestModels.llama3Style) == "byte-level BPE")
    assert(kind(TestModels.llama2Style) == "BPE of SentencePiece, with bytes for unknown characters")
    val unigram = """{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.0]]}}"""
    assert(kind(TestModels.directory("tokenizer.json" -> unigram)) == "Unigram")
  }
}
