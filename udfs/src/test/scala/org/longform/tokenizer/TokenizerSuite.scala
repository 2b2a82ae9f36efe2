package org.longform.tokenizer

import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.tokenizer.Tokenizer.Place
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.{Files, Path}
import java.util.Random
import scala.collection.JavaConverters._

class TokenizerSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val seed = 20260104L
  private lazy val tokenizer = Tokenizer.load(TestModels.bundled)
  private lazy val llama2 = Tokenizer.load(TestModels.llama2Style)

  override def afterAll(): Unit = {
    tokenizer.close()
    llama2.close()
  }

  private def message(directory: Path): String = {
    val error = intercept[LongformException](Tokenizer.load(directory).close())
    assert(error.errorClass == ErrorClass.INVALID_MODEL)
    error.getMessage
  }

  test("decoding the tokens of a text gives the text, whatever it is") {
    info(s"seed $seed")
    NastyTexts.all(seed).foreach { case (name, text) =>
      assert(tokenizer.decode(tokenizer.encode(text)) == text, name)
    }
    assert(tokenizer.decode(Array()) == "")
  }

  test("the bundled tokenizer's special tokens and sizes are known") {
    assert(tokenizer.bosId.getAsInt == 2046)
    assert(tokenizer.eosIds.asScala == Seq(2047))
    assert(tokenizer.addsBos)
    assert(tokenizer.vocabSize == 2048)
    assert(tokenizer.bosToken.get == "<|bos|>" && tokenizer.eosToken.get == "<|eos|>")
    assert(tokenizer.specialTokens.size == 2)
  }

  test("a document that spells a special token is ordinary text, a template is not") {
    assert(!tokenizer.encode("a<|bos|>b").exists(_ >= 2046))
    assert(tokenizer.decode(tokenizer.encode("a<|bos|>b")) == "a<|bos|>b")
    val template = tokenizer.encodeTemplate("a<|bos|>b", Place.BEGINNING)
    assert(template.count(_ == 2046) == 1 && tokenizer.decode(template) == "ab")
    assert(!llama2.encode("<s></s>").exists(_ < 3))
    assert(llama2.encodeTemplate("<s>", Place.BEGINNING).contains(1))
  }

  test("hiding special tokens moves no other token") {
    val tree = new ObjectMapper().readTree(TestModels.text("tokenizer.json")).asInstanceOf[ObjectNode]
    tree
      .get("added_tokens")
      .asInstanceOf[ArrayNode]
      .add(
        tree
          .get("added_tokens")
          .get(0)
          .deepCopy[ObjectNode]
          .put("id", 2048)
          .put("content", "<tool>")
          .put("special", false)
      )
    val directory = TestModels.directory("tokenizer.json" -> tree.toString)
    val other = Tokenizer.load(directory)
    try {
      assert(other.encode("<tool>").toSeq == Seq(2048))
      assert(other.vocabSize == 2049)
      assert(!other.addsBos && !other.bosId.isPresent, "nothing names a first token")
    } finally other.close()
  }

  test("a text behind other text gets no space that a tokenizer puts before texts") {
    assert(llama2.decode(llama2.encode("word")) == "word")
    val whole = llama2.encode("first\n\nAnswer: word")
    val parts = llama2.encode("first") ++ llama2.encode("\n\nAnswer: word", Place.CONTINUATION)
    assert(parts.toSeq == whole.toSeq)
    assert(
      tokenizer.encode("\n\nAnswer:", Place.CONTINUATION).toSeq ==
        tokenizer.encode("\n\nAnswer:").toSeq
    )
  }

  test("count is the number of tokens") {
    val text = NastyTexts.mixture(new Random(seed), 100000)
    assert(tokenizer.count(text) == tokenizer.encode(text).length)
    assert(tokenizer.count("") == 0)
  }

  test("ids outside the vocabulary are refused") {
    for (id <- Seq(-1, 2048, Int.MaxValue)) {
      val error = intercept[LongformException](tokenizer.decode(Array(1, id)))
      assert(error.getMessage.startsWith(s"Cannot decode token $id: the vocabulary has 2048"))
    }
  }

  test("broken tokenizer files are refused with the file and the reason") {
    val whole = TestModels.text("tokenizer.json")
    val cases = Seq(
      "" -> "it must hold a JSON object",
      whole.take(whole.length / 2) -> "it is not JSON",
      "[]" -> "it must hold a JSON object",
      "{}" -> "it has no object 'model'",
      """{"model": []}""" -> "it has no object 'model'",
      """{"model": {}}""" -> "its model has no vocabulary",
      """{"model": {"vocab": {}}}""" -> "its model has no vocabulary",
      """{"model": {"vocab": {"a": "x"}}}""" -> "the id of token 'a' is not one",
      """{"model": {"vocab": {"a": -1}}}""" -> "the id of token 'a' is not one (-1)",
      """{"model": {"vocab": {"a": 99999999999}}}""" -> "the id of token 'a' is not one",
      """{"model": {"vocab": {"a": 2000000000}}}""" -> "the id of token 'a' is not one (2000000000)",
      """{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 2147483647, "content": "b"}]}""" ->
        "entry 0 of its 'added_tokens' needs an id from 0 to 16777215 and a content",
      """{"model": {"vocab": {"a": 0}}, "added_tokens": {}}""" -> "'added_tokens' must be a list",
      """{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": -3, "content": "x"}]}""" ->
        "entry 0 of its 'added_tokens'",
      """{"model": {"vocab": {"a": 0}}}""" -> "it does not describe a tokenizer",
      whole.replace("\"BPE\"", "\"ABC\"") -> "it does not describe a tokenizer",
      whole.replace("[0-9]", "[0-9") -> "it does not describe a tokenizer",
      ("{\"a\":" * 3000) -> "it is not JSON"
    )
    cases.foreach { case (text, reason) =>
      val directory = TestModels.directory("tokenizer.json" -> text)
      val said = message(directory)
      assert(said.startsWith(s"Cannot use model file '$directory/tokenizer.json': "), said)
      assert(said.contains(reason), said)
    }
  }

  test("missing, binary and huge files are refused") {
    val empty = Files.createTempDirectory("empty-model")
    assert(message(empty).contains("tokenizer.json': it does not exist"))
    assert(message(empty.resolve("none")).contains("its directory does not exist"))
    val binary = Files.createTempDirectory("binary-model")
    Files.write(binary.resolve("tokenizer.json"), Array[Byte](123, -1, -2, 0))
    assert(message(binary).contains("it is not UTF-8 text"))
    val folder = Files.createTempDirectory("folder-model")
    Files.createDirectory(folder.resolve("tokenizer.json"))
    assert(message(folder).contains("it is not a file"))
    val huge = Files.createTempDirectory("huge-model")
    val file = new java.io.RandomAccessFile(huge.resolve("tokenizer.json").toFile, "rw")
    try file.setLength(ModelFile.MAX_BYTES + 1)
    finally file.close()
    assert(message(huge).contains(s"it has ${ModelFile.MAX_BYTES + 1} bytes"))
  }

  test("a config that names tokens the vocabulary lacks, or is of wrong types, is refused") {
    def said(config: String): String = message(
      TestModels.directory(
        "tokenizer.json" -> TestModels.text("tokenizer.json"),
        "tokenizer_config.json" -> config
      )
    )
    assert(said("""{"bos_token": "<nope>"}""").contains("it has no token '<nope>'"))
    assert(said("""{"bos_token": 3}""").contains("bos_token must be a text"))
    assert(said("""{"add_bos_token": "yes"}""").contains("add_bos_token must be true or false"))
  }
}
