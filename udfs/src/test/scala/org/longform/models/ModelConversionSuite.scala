package org.longform.models

import java.nio.file.{Files, Path}
import java.util.Comparator

import org.longform.generate.GenerationConfig
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.StoredModel
import org.longform.kernels.tensor.DType
import org.longform.models.ConversionRequest.IfExists
import org.longform.options.Options
import org.longform.prompt.PromptFormat
import org.longform.tokenizer.{ModelFiles, TestModels, Tokenizer}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class ModelConversionSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val folder: Path = Files.createTempDirectory("conversion")

  override def afterAll(): Unit = {
    val paths = Files.walk(folder)
    try paths.sorted(Comparator.reverseOrder[Path]()).forEach(path => Files.delete(path))
    finally paths.close()
  }

  private def convert(
      from: String,
      to: Path,
      dtype: DType = DType.F32,
      ifExists: IfExists = IfExists.REFUSE
  ): Option[String] =
    Option(
      ModelConversion
        .run(new ConversionRequest(ModelLocation.resolve(from), to, dtype, ifExists))
        .orElse(null)
    )

  private def refused(part: String)(body: => Any): Unit = {
    val error = intercept[LongformException](body)
    assert(error.errorClass == ErrorClass.INVALID_OPTION)
    assert(error.getMessage.contains(part), error.getMessage)
  }

  private def bits(path: Path): Map[String, Seq[Int]] = {
    val model = StoredModel.open(path)
    try
      model
        .weights()
        .names()
        .asScala
        .map { name =>
          val tensor = model.weights().tensor(name, model.weights().shape(name).get)
          name -> tensor.toArray.toSeq.map(v => java.lang.Float.floatToRawIntBits(v))
        }
        .toMap
    finally model.close()
  }

  test("a directory goes to GGUF and back with the same bits, tokenizer and settings") {
    val gguf = folder.resolve("there.gguf")
    val back = folder.resolve("back")
    assert(convert("longform-tiny", gguf).exists(_.contains("smollm")))
    assert(convert(gguf.toString, back).isEmpty)
    assert(bits(back) == bits(TestModels.bundled))
    assert(
      Files.list(folder).iterator().asScala.map(_.getFileName.toString).toSet == Set("there.gguf", "back")
    )
    val original = StoredModel.spec(TestModels.bundled)
    assert(StoredModel.spec(back) == original)
    for (place <- Seq(gguf, back)) {
      val tokenizer = Tokenizer.load(place)
      val expected = Tokenizer.load(TestModels.bundled)
      try {
        assert(
          tokenizer.encode("A hard <|bos|> text: 1234 ٣٤٥ é\n").toSeq == expected
            .encode("A hard <|bos|> text: 1234 ٣٤٥ é\n")
            .toSeq
        )
        assert(tokenizer.bosId == expected.bosId && tokenizer.addsBos && tokenizer.eosIds == expected.eosIds)
      } finally {
        tokenizer.close()
        expected.close()
      }
      val settings = GenerationConfig.load(ModelFiles.of(place))
      assert(settings == GenerationConfig.load(ModelFiles.of(TestModels.bundled)))
    }
  }

  test("chat template and generation settings are the same in a GGUF file") {
    val directory = folder.resolve("chat")
    convert("longform-tiny", directory)
    Files.writeString(directory.resolve("chat_template.jinja"), "{{ messages[0].content }}!")
    Files.writeString(
      directory.resolve("generation_config.json"),
      """{"do_sample": true, "temperature": 0.5, "eos_token_id": [2047, 5]}"""
    )
    val gguf = folder.resolve("chat.gguf")
    convert(directory.toString, gguf)
    val settings = GenerationConfig.load(ModelFiles.of(gguf))
    assert(settings == GenerationConfig.load(ModelFiles.of(directory)))
    assert(settings.eosIds().asScala == Seq(2047, 5))
    val tokenizer = Tokenizer.load(gguf)
    try assert(PromptFormat.load(ModelFiles.of(gguf), tokenizer).usesChatTemplate(Options.defaults()))
    finally tokenizer.close()
  }

  test("revisions tell files apart, and the same file has one wherever it lies") {
    val one = folder.resolve("one.gguf")
    val eight = folder.resolve("eight.gguf")
    convert("longform-tiny", one)
    convert("longform-tiny", eight, DType.Q8_0)
    assert(ModelRevision.of(one).matches("[0-9a-f]{16}"))
    assert(ModelRevision.of(one) != ModelRevision.of(eight))
    val moved = Files.createDirectory(folder.resolve("elsewhere")).resolve("one.gguf")
    Files.copy(one, moved)
    assert(ModelRevision.of(moved) == ModelRevision.of(one))
    assert(Files.size(eight) < Files.size(one) / 3)
  }

  test("a GGUF file is found by its path, and other files are refused") {
    val gguf = folder.resolve("found.gguf")
    convert("longform-tiny", gguf)
    assert(ModelLocation.resolve(gguf.toString).path() == gguf)
    assert(ModelLocation.resolve(gguf.toUri.toString).path() == gguf)
    assert(ModelLocation.portable(gguf.toUri.toString) == gguf.toString)
    val relative = Path.of("").toAbsolutePath.relativize(gguf).toString
    assert(ModelLocation.portable(relative) == gguf.toString)
    val text = Files.writeString(folder.resolve("model.bin"), "x")
    val error = intercept[LongformException](ModelLocation.resolve(text.toString))
    assert(error.getMessage.contains("it is a file that does not end in .gguf"))
  }

  test("a target that is there is replaced only when asked for, and only if it is a model") {
    val gguf = folder.resolve("taken.gguf")
    convert("longform-tiny", gguf)
    refused("it is there already")(convert("longform-tiny", gguf, DType.F16))
    val before = Files.size(gguf)
    convert("longform-tiny", gguf, DType.F16, IfExists.REPLACE)
    assert(Files.size(gguf) < before)
    refused("it is the model itself")(convert(gguf.toString, gguf, DType.Q8_0, IfExists.REPLACE))
    val directory = folder.resolve("taken")
    convert("longform-tiny", directory, DType.BF16)
    convert("longform-tiny", directory, DType.F16, IfExists.REPLACE)
    assert(Files.readString(directory.resolve("config.json")).contains("float16"))
    val other = Files.createDirectory(folder.resolve("other"))
    Files.writeString(other.resolve("precious.txt"), "x")
    refused("what is there is no model")(convert("longform-tiny", other, DType.F32, IfExists.REPLACE))
    assert(Files.exists(other.resolve("precious.txt")))
  }

  test("a directory cannot have quantised weights") {
    refused("a directory has plain weights only, not Q8_0")(
      convert("longform-tiny", folder.resolve("q"), DType.Q8_0)
    )
    assert(!Files.exists(folder.resolve("q")))
  }
}
