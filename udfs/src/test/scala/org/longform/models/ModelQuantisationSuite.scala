package org.longform.models

import java.nio.file.{Files, Path}
import java.util.{Comparator, Optional}

import org.longform.kernels.device.Devices
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.StoredModel
import org.longform.kernels.quantise.QuantisationMethods
import org.longform.kernels.tensor.DType
import org.longform.models.ConversionRequest.IfExists
import org.longform.tokenizer.{ModelFiles, TestModels, Tokenizer}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class ModelQuantisationSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val folder: Path = Files.createTempDirectory("quantisation")
  private val few = Map("samples" -> "3", "sample-tokens" -> "64")
  private val sentence = "The median age of the Kelmos cohort was 57.3 years. "
  private val text = Files.writeString(folder.resolve("text.txt"), sentence * 100)

  override def afterAll(): Unit = {
    val paths = Files.walk(folder)
    try paths.sorted(Comparator.reverseOrder[Path]()).forEach(path => Files.delete(path))
    finally paths.close()
  }

  private def quantise(
      to: Path,
      method: String,
      parameters: Map[String, String] = Map.empty,
      calibration: Option[Path] = None,
      from: String = "longform-tiny",
      ifExists: IfExists = IfExists.REFUSE
  ): ModelQuantisation.Outcome = {
    val request = new QuantisationRequest(
      ModelLocation.resolve(from),
      to,
      ifExists,
      QuantisationMethods.byName(method),
      parameters.asJava,
      Optional.ofNullable(calibration.orNull),
      DType.F16,
      Devices.AUTO
    )
    ModelQuantisation.run(request, _ => ())
  }

  private def refused(part: String, errorClass: ErrorClass = ErrorClass.INVALID_OPTION)(
      body: => Any
  ): Unit = {
    val error = intercept[LongformException](body)
    assert(error.getMessage.contains(part), error.getMessage)
    assert(error.errorClass == errorClass)
  }

  test("a calibrated method writes a file that is a model with its tokenizer, and says what it did") {
    val gguf = folder.resolve("gptq.gguf")
    val outcome = quantise(gguf, "gptq", few, Some(text))
    assert(outcome.storage() == "Weights of the layers: 100% as Q5_0 (5.5 bits each)")
    assert(outcome.parameters().get("damp") == 0.01)
    val again = folder.resolve("again.gguf")
    assert(quantise(again, "rtn", Map("scheme" -> "symmetric"), from = gguf.toString).notes().isEmpty)
    for (file <- Seq(gguf, again)) {
      assert(StoredModel.spec(file).layers() == 4)
      val tokenizer = Tokenizer.load(file)
      try assert(tokenizer.encode(sentence).toSeq == bundledIds)
      finally tokenizer.close()
      assert(
        org.longform.generate.GenerationConfig.load(ModelFiles.of(file)) ==
          org.longform.generate.GenerationConfig.load(ModelFiles.of(TestModels.bundled))
      )
    }
    assert(Files.size(again) < Files.size(gguf))
  }

  private def bundledIds: Seq[Int] = {
    val tokenizer = Tokenizer.load(TestModels.bundled)
    try tokenizer.encode(sentence).toSeq
    finally tokenizer.close()
  }

  test("plain weights may go to a directory, and the reason is told; blocks may not") {
    val directory = folder.resolve("nf4")
    val outcome = quantise(directory, "nf4")
    assert(outcome.storage().endsWith("100% as F16 (16.0 bits each)"))
    assert(outcome.notes().asScala.exists(_.contains("no type of blocks holds the levels of NF4")))
    assert(StoredModel.spec(directory) == StoredModel.spec(TestModels.bundled))
    assert(Files.readString(directory.resolve("config.json")).contains("float16"))
    refused("a directory has plain weights only, not Q5_0")(quantise(folder.resolve("d"), "rtn"))
    assert(!Files.exists(folder.resolve("d")))
    val eight = quantise(folder.resolve("asym"), "rtn", Map("bits" -> "8", "scheme" -> "asymmetric"))
    assert(eight.notes().asScala.exists(_.contains("no type of blocks holds levels from -255 to 255")))
  }

  test("texts and lines of JSON are calibration texts, pieces of which are read from the beginning") {
    val lines = Files.writeString(
      folder.resolve("text.jsonl"),
      Seq.fill(100)("""{"id": 1, "text": "%s"}""".format(sentence)).mkString("\n")
    )
    // one text and many lines of it give the same tokens but for where words join
    for (file <- Seq(text, lines)) {
      val tokenizer = Tokenizer.load(TestModels.bundled)
      try {
        val samples = new CalibrationText(file, tokenizer, 2048).fromBeginning(3, 64).asScala
        assert(samples.map(_.length) == Seq(64, 64, 64))
        assert(samples.forall(_.head == tokenizer.bosId().getAsInt))
        assert(samples.flatMap(_.tail).take(10) == bundledIds.take(10))
        val many = new CalibrationText(file, tokenizer, 2048).fromBeginning(100000, 64).asScala
        assert(many.size > 10 && many.take(3).map(_.toSeq) == samples.map(_.toSeq))
        val whole = new CalibrationText(file, tokenizer, 2048).fromBeginning(1, 500).asScala.head.toSeq.tail
        val drawn = new CalibrationText(file, tokenizer, 2048).atRandom(5, 64, 42).asScala.map(_.toSeq)
        assert(drawn.map(_.length) == Seq.fill(5)(64) && drawn.distinct.size > 1)
        assert(drawn.exists(piece => whole.containsSlice(piece)))
        assert(drawn == new CalibrationText(file, tokenizer, 2048).atRandom(5, 64, 42).asScala.map(_.toSeq))
        assert(drawn != new CalibrationText(file, tokenizer, 2048).atRandom(5, 64, 43).asScala.map(_.toSeq))
        refused("the tokenizer gives token", ErrorClass.INVALID_MODEL)(
          new CalibrationText(file, tokenizer, 5).fromBeginning(3, 64)
        )
      } finally tokenizer.close()
    }
    val outcome =
      quantise(folder.resolve("few.gguf"), "smoothquant", Map("sample-tokens" -> "500"), Some(lines))
    assert(
      outcome
        .notes()
        .asScala
        .exists(_.matches("The calibration text has \\d pieces of 500 tokens, fewer than the 512.*"))
    )
    assert(outcome.storage().contains("Q8_0"))
  }

  test("calibration texts that are missing, empty, short or broken are refused, and nothing is written") {
    val target = folder.resolve("refused.gguf")
    def file(name: String, bytes: Array[Byte]) = Files.write(folder.resolve(name), bytes)
    def bad(part: String, name: String, content: String) =
      refused(part, ErrorClass.INVALID_INPUT)(
        quantise(target, "awq", few, Some(file(name, content.getBytes("UTF-8"))))
      )
    refused("method 'awq': it needs a calibration text. Give one")(quantise(target, "awq"))
    refused("with method 'rtn': it reads none")(quantise(target, "rtn", calibration = Some(text)))
    refused("there is no such file", ErrorClass.INVALID_INPUT)(
      quantise(target, "gptq", few, Some(folder.resolve("none.txt")))
    )
    bad("it has no text, and one piece takes 64. Give more text", "empty.txt", "")
    bad("it has no text", "empty.jsonl", "\n\n")
    bad(
      " tokens, and one piece takes 64. Give more text or a smaller sample-tokens.",
      "short.txt",
      "A few words."
    )
    bad("what is in line 2 is no object with a text", "list.jsonl", "{\"text\": \"a\"}\n[1]")
    bad("what is in line 1 is no object with a text", "number.jsonl", "{\"text\": 7}")
    bad("line 2 is not JSON as it should be", "broken.jsonl", "{\"text\": \"a\"}\n{\"text\": ")
    refused("it is not UTF-8 text", ErrorClass.INVALID_INPUT)(
      quantise(target, "gptq", few, Some(file("latin.txt", Array.fill(100)(0xfc.toByte))))
    )
    assert(!Files.exists(target))
  }

  test("a target that is there, a model of another kind and wrong parameters are refused") {
    val taken = Files.writeString(folder.resolve("taken.gguf"), "x")
    refused("it is there already. Give --overwrite")(quantise(taken, "rtn"))
    assert(Files.readString(taken) == "x")
    quantise(taken, "rtn", ifExists = IfExists.REPLACE)
    refused("it is the model itself")(
      quantise(taken, "rtn", from = taken.toString, ifExists = IfExists.REPLACE)
    )
    val other = Files.createDirectory(folder.resolve("mamba"))
    Files.writeString(other.resolve("config.json"), """{"architectures": ["MambaForCausalLM"]}""")
    refused("family 'MambaForCausalLM' is unknown", ErrorClass.UNSUPPORTED_MODEL)(
      quantise(folder.resolve("m.gguf"), "rtn", from = other.toString)
    )
    refused("expected one of 8, 4, 3")(quantise(folder.resolve("m.gguf"), "rtn", Map("bits" -> "2")))
    refused("it has no such parameter")(quantise(folder.resolve("m.gguf"), "nf4", Map("group" -> "32")))
    refused("trained to read 512 tokens at once (value 513)")(
      quantise(folder.resolve("m.gguf"), "gptq", Map("sample-tokens" -> "513"), Some(text))
    )
    assert(!Files.exists(folder.resolve("m.gguf")))
  }
}
