package org.longform.tokenizer

import java.nio.charset.StandardCharsets.UTF_8
import java.util.Random

import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.node.ObjectNode
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

/** What tokens write, against what the tokenizer reads. */
class TokenBytesSuite extends AnyFunSuite {
  private lazy val gguf = GgufFixtures.described(TestModels.llama2Style, 3000)._1

  for (
    (name, directory) <- Seq(
      "byte-level" -> (() => TestModels.bundled),
      "Llama 3" -> (() => TestModels.llama3Style),
      "SentencePiece" -> (() => TestModels.llama2Style),
      "SentencePiece in GGUF" -> (() => gguf)
    )
  )
    test(s"$name: the bytes of a text's tokens are its bytes") {
      val tokenizer = Tokenizer.load(directory())
      try {
        val bytes = tokenizer.tokenBytes()
        assert(bytes.length == tokenizer.vocabSize())
        for (seed <- 1 to 20) {
          val text = NastyTexts.mixture(new Random(seed), 400)
          // special tokens are read as text, and added ones have none
          val ids = tokenizer.encode("x" + text, Tokenizer.Place.CONTINUATION)
          val written =
            ids.flatMap(id => Option(bytes(id)).getOrElse(tokenizer.decode(Array(id)).getBytes(UTF_8)))
          assert(new String(written, UTF_8) == "x" + text)
        }
        tokenizer.specialTokens().keySet().forEach(id => assert(bytes(id) == null))
      } finally tokenizer.close()
    }

  test("a decoder that is not known is refused by its name") {
    val tree = new ObjectMapper().readTree(TestModels.text("tokenizer.json")).asInstanceOf[ObjectNode]
    tree.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true)
    val tokenizer = Tokenizer.load(TestModels.directory("tokenizer.json" -> tree.toString))
    try {
      val error = intercept[LongformException](tokenizer.tokenBytes())
      assert(error.errorClass() == ErrorClass.UNSUPPORTED_MODEL)
      assert(
        error.getMessage.startsWith(
          "Cannot write JSON with this model: how its tokenizer's decoder 'WordPiece' "
        )
      )
    } finally tokenizer.close()
  }
}
