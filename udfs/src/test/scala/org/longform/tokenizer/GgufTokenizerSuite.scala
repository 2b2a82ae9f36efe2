package org.longform.tokenizer

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.Random

import com.fasterxml.jackson.databind.ObjectMapper
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.weights.GgufMetadata
import org.longform.tokenizer.GgufFixtures._
import org.longform.tokenizer.Tokenizer.Place
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class GgufTokenizerSuite extends AnyFunSuite {
  private val seed = 20260317L

  private def using[A](path: Path)(body: Tokenizer => A): A = {
    val tokenizer = Tokenizer.load(path)
    try body(tokenizer)
    finally tokenizer.close()
  }

  private def texts(tokenizer: Tokenizer, ids: Array[Int], metadata: GgufMetadata): Seq[String] =
    ids.toSeq.map(metadata.texts("tokenizer.ggml.tokens").get.get(_))

  private def sameIds(original: Path, other: Path): Unit =
    using(original) { expected =>
      using(other) { found =>
        NastyTexts.all(seed, longWord = 1 << 13).foreach { case (name, text) =>
          assert(found.encode(text).toSeq == expected.encode(text).toSeq, name)
          assert(found.decode(found.encode(text)) == expected.decode(expected.encode(text)), name)
        }
        val template = "<|bos|><s>a b</s><|eos|> c"
        Place.values.foreach { place =>
          assert(
            found.encodeTemplate(template, place).toSeq == expected.encodeTemplate(template, place).toSeq
          )
        }
        assert(found.vocabSize == expected.vocabSize)
        assert(found.bosId == expected.bosId && found.addsBos == expected.addsBos)
        assert(found.specialTokens == expected.specialTokens)
      }
    }

  test("the bundled tokenizer in GGUF's keys gives the ids of the original") {
    val (file, note) = described(TestModels.bundled, 2048)
    assert(note.exists(_.contains("as 'smollm'")), "its digits are ASCII's only")
    sameIds(TestModels.bundled, file)
  }

  test("the bundled vocabulary with the words of Llama 3 gives the ids of the original") {
    val (file, note) = described(TestModels.llama3Style, 2048)
    assert(note.isEmpty)
    sameIds(TestModels.llama3Style, file)
  }

  test("a tokenizer that lies in the file as Hugging Face's text is taken as it is") {
    val metadata = new GgufMetadata
    GgufTokenizer.describe(ModelFiles.of(TestModels.llama2Style), 3000, Seq[Integer](2).asJava, metadata)
    sameIds(TestModels.llama2Style, file(metadata))
    assert(metadata.integer("tokenizer.ggml.eos_token_id").get == 2L)
    assert(metadata.texts("tokenizer.ggml.tokens").get.get(2999) == "[PAD2999]")
  }

  // --- byte-level pairs

  private val merges =
    Seq("Ġ" -> "a", "1" -> "2", "12" -> "3", "'" -> "s", "b" -> "c", "." -> ".", "Ã" -> "©")

  private def split(pre: Option[String], text: String): Seq[String] = {
    val metadata = bytePairs(pre, merges: _*)
    using(file(metadata))(tokenizer => texts(tokenizer, tokenizer.encode(text), metadata))
  }

  test("each name for splitting words splits numbers, contractions and punctuation in its own way") {
    // numbers in threes; a letter takes any character before it
    assert(split(Some("llama-bpe"), "a1234'S abc..") == Seq("a", "123", "4", "'", "S", "Ġa", "bc", ".."))
    assert(split(Some("dbrx"), "12123é") == Seq("12", "1", "2", "3", "Ã©"))
    // digits alone
    assert(split(Some("qwen2"), "a12's") == Seq("a", "1", "2", "'s"))
    assert(split(Some("smollm"), "a12's a") == Seq("a", "1", "2", "'s", "Ġa"))
    assert(split(Some("deepseek-coder"), " a12\n") == Seq("Ġa", "1", "2", "Ċ"))
    assert(split(Some("tekken"), "12 a") == Seq("1", "2", "Ġa"))
    // numbers as they are
    assert(split(Some("gpt-2"), "a12345's a") == Seq("a", "123", "4", "5", "'s", "Ġa"))
    assert(split(Some("falcon"), "12123 a") == Seq("12", "1", "2", "3", "Ġa"))
    // punctuation before all else, threes within numbers
    assert(split(None, "12123's ..") == Seq("12", "1", "2", "3", "'", "s", "Ġ", ".."))
    assert(split(Some("default"), "12123's ..") == split(None, "12123's .."))
  }

  test("Llama 3 takes a word that is a token whatever the merges say, dbrx does not") {
    val metadata = bytePairs(Some("llama-bpe"), merges: _*)
    val tokens = metadata.texts("tokenizer.ggml.tokens").get.asScala.toIndexedSeq :+ "zyx"
    def ids(pre: String): Seq[Int] = {
      metadata.putText("tokenizer.ggml.pre", pre).putTexts("tokenizer.ggml.tokens", tokens.asJava)
      metadata.putInt32s("tokenizer.ggml.token_type", tokens.map(_ => Normal).toArray)
      using(file(metadata))(_.encode("zyx").toSeq)
    }
    assert(ids("llama-bpe") == Seq(tokens.size - 1))
    assert(ids("dbrx").size == 3)
  }

  test("every name can be loaded and gives every text back") {
    val names = WordSplit.names().split(", ")
    assert(names.length > 30)
    names.foreach { name =>
      using(file(bytePairs(Some(name), merges: _*))) { tokenizer =>
        NastyTexts.all(seed, longWord = 1 << 10).foreach { case (what, whole) =>
          // as far as the word behind 12,000 spaces
          val text = NastyTexts.beginning(whole, 12500)
          val composed = java.text.Normalizer.normalize(text, java.text.Normalizer.Form.NFC)
          val found = tokenizer.decode(tokenizer.encode(text))
          if (found != text) assert(found == composed, s"$name: $what")
        }
      }
    }
  }

  test("control tokens are special, user-defined ones are read in texts") {
    val metadata = bytePairs(Some("gpt-2"), merges: _*)
    val tokens = metadata.texts("tokenizer.ggml.tokens").get.asScala.toIndexedSeq :+ "<tool>"
    val types = metadata.integers("tokenizer.ggml.token_type").get :+ UserDefined
    metadata.putTexts("tokenizer.ggml.tokens", tokens.asJava).putInt32s("tokenizer.ggml.token_type", types)
    using(file(metadata)) { tokenizer =>
      val tool = tokens.size - 1
      assert(tokenizer.encode("a<tool>").last == tool)
      assert(!tokenizer.encode("<|bos|>").contains(tool - 2))
      assert(tokenizer.encodeTemplate("<|bos|>", Place.BEGINNING).toSeq == Seq(tool - 2))
      assert(tokenizer.decode(Array(tool - 2, tool, tool - 1)) == "<tool>")
    }
  }

  test("the first token is added where the file says so, else where its kind does") {
    def adds(metadata: GgufMetadata): Boolean = using(file(metadata))(_.addsBos)
    assert(!adds(bytePairs(Some("gpt-2"))))
    assert(adds(bytePairs(Some("gpt-2")).putFlag("tokenizer.ggml.add_bos_token", true)))
    assert(adds(bytePairs(Some("llama-bpe"))))
    assert(!adds(bytePairs(Some("llama-bpe")).putFlag("tokenizer.ggml.add_bos_token", false)))
    assert(adds(pieces("a" -> -1.0)))
    assert(!adds(pieces("a" -> -1.0).putFlag("tokenizer.ggml.add_bos_token", false)))
  }

  test("ends of text and of turns are the ends of answers, and the chat template is the model's") {
    val metadata = bytePairs(Some("gpt-2"))
    val tokens =
      metadata.texts("tokenizer.ggml.tokens").get.asScala.toIndexedSeq ++ Seq("<|eot_id|>", "<|end|>")
    val types = metadata.integers("tokenizer.ggml.token_type").get ++ Array(Control, Normal)
    metadata.putTexts("tokenizer.ggml.tokens", tokens.asJava).putInt32s("tokenizer.ggml.token_type", types)
    metadata.putText("tokenizer.chat_template", "{{ messages }}")
    val files = ModelFiles.of(file(metadata))
    val generation = new ObjectMapper().readTree(files.require("generation_config.json").text)
    assert(generation.get("eos_token_id").asScala.map(_.asInt).toSeq == Seq(257, 258))
    val config = new ObjectMapper().readTree(files.require("tokenizer_config.json").text)
    assert(config.get("chat_template").asText == "{{ messages }}")
    assert(config.get("bos_token").asText == "<|bos|>" && config.get("eos_token").asText == "<|eos|>")
    assert(!files.find("special_tokens_map.json").isPresent)
  }

  // --- SentencePiece

  private val scored: Seq[(String, Double)] = {
    // a few hundred pieces over a small alphabet, each made of two shorter ones
    val random = new Random(7)
    val letters = Seq("▁", "a", "b", "c", "d", "é", "漢", ".", "\n")
    val made = scala.collection.mutable.LinkedHashSet[String]()
    while (made.size < 300) {
      val all = letters ++ made
      val piece = all(random.nextInt(all.size)) + all(random.nextInt(all.size))
      if (piece.length <= 6 && !letters.contains(piece)) made += piece
    }
    val order = scala.util.Random.javaRandomToRandom(random).shuffle(made.toSeq)
    order.zipWithIndex.map { case (piece, rank) => piece -> -rank.toDouble } ++
      letters.map(_ -> -1000.0)
  }

  /** llama.cpp's way: of all neighbours that make a piece, those with the best score merge, the first of
    * equals.
    */
  private def merged(text: String): Seq[String] = {
    val scores = scored.toMap
    var symbols = text.codePoints().toArray.map(c => new String(Character.toChars(c))).toVector
    var pairs = Seq.empty[(Double, Int)]
    do {
      pairs = symbols.indices.dropRight(1).flatMap(i => scores.get(symbols(i) + symbols(i + 1)).map(_ -> i))
      if (pairs.nonEmpty) {
        val best = pairs.map(_._1).max
        val at = pairs.filter(_._1 == best).map(_._2).min
        symbols = symbols.patch(at, Seq(symbols(at) + symbols(at + 1)), 2)
      }
    } while (pairs.nonEmpty)
    symbols.flatMap { symbol =>
      if (scores.contains(symbol)) Seq(symbol)
      else symbol.getBytes(UTF_8).toSeq.map(b => f"<0x${b & 0xff}%02X>")
    }
  }

  test("pieces merge by their scores, and what has no piece becomes bytes") {
    val metadata = pieces(scored: _*)
    val random = new Random(seed)
    val alphabet = Seq(" ", "a", "b", "c", "d", "é", "漢", ".", "\n", "z", "😀", "ß")
    using(file(metadata)) { tokenizer =>
      for (_ <- 0 until 300) {
        val text = Seq.fill(1 + random.nextInt(40))(alphabet(random.nextInt(alphabet.size))).mkString
        val expected = merged("▁" + text.replace(' ', '▁'))
        assert(texts(tokenizer, tokenizer.encode(text), metadata) == expected, s"'$text'")
        assert(tokenizer.decode(tokenizer.encode(text)) == text)
      }
      assert(tokenizer.bosId.getAsInt == 1 && tokenizer.eosIds.asScala == Seq(2))
      assert(!tokenizer.encode("<s>").contains(1))
    }
  }

  test("no blank is put before texts where the file says so") {
    val metadata = pieces(scored: _*).putFlag("tokenizer.ggml.add_space_prefix", false)
    using(file(metadata)) { tokenizer =>
      assert(texts(tokenizer, tokenizer.encode("ab a"), metadata) == merged("ab▁a"))
      assert(tokenizer.decode(tokenizer.encode(" a")) == " a")
    }
  }

  test("a vocabulary of pieces survives the way to a directory and back") {
    val original = file(pieces(scored: _*))
    val files = ModelFiles.of(original)
    val directory = TestModels.directory(
      Seq("tokenizer.json", "tokenizer_config.json").map(name => name -> files.require(name).text): _*
    )
    sameIds(original, directory)
    val (back, note) = described(directory, 259 + scored.size)
    assert(note.isEmpty)
    sameIds(original, back)
  }

  // --- refusals

  private def refused(metadata: GgufMetadata, part: String): Unit = {
    val path = file(metadata)
    val error = intercept[LongformException](Tokenizer.load(path).close())
    assert(error.errorClass == ErrorClass.INVALID_MODEL)
    assert(error.getMessage.startsWith(s"Cannot use model file '$path': "), error.getMessage)
    assert(error.getMessage.contains(part), error.getMessage)
  }

  test("a vocabulary that is incomplete or contradicts itself is refused with the key") {
    refused(new GgufMetadata, "its metadata has no text tokenizer.ggml.model")
    refused(bytePairs(None).putText("tokenizer.ggml.model", "bert"), "is 'bert', expected gpt2 or llama")
    refused(bytePairs(Some("mine")), "its tokenizer.ggml.pre is 'mine', which is unknown (known: ")
    refused(without(bytePairs(None), "tokenizer.ggml.tokens"), "no list of texts tokenizer.ggml.tokens")
    refused(without(bytePairs(None), "tokenizer.ggml.merges"), "no list of texts tokenizer.ggml.merges")
    refused(
      without(pieces("a" -> 1.0), "tokenizer.ggml.scores"),
      "no list of fractions tokenizer.ggml.scores"
    )
    refused(pieces("a" -> 1.0, "a" -> 2.0), "its tokens 259 and 260 are the same text")
    refused(pieces("a" * 3000 -> 1.0), "its token 259 has 3000 characters, expected at most 2048")
    refused(
      pieces("a" -> 1.0).putFloat32s("tokenizer.ggml.scores", Array(1.0)),
      "tokenizer.ggml.scores has 1 entries, expected one for each of 260 tokens"
    )
    refused(
      bytePairs(None).putInt32s("tokenizer.ggml.token_type", Array(1L)),
      "tokenizer.ggml.token_type has 1 entries"
    )
    refused(
      bytePairs(None).putInt32s("tokenizer.ggml.token_type", Array.fill(258)(9L)),
      "tokenizer.ggml.token_type has the unknown type 9"
    )
    refused(
      bytePairs(None).putUint32("tokenizer.ggml.bos_token_id", 258),
      "its tokenizer.ggml.bos_token_id is 258, expected a token from 0 to 257"
    )
    for (merge <- Seq("a", "a b", "ab c", "a "))
      refused(
        bytePairs(None).putTexts("tokenizer.ggml.merges", Seq(merge).asJava),
        s"entry 0 of its tokenizer.ggml.merges is '$merge', expected two tokens that make another"
      )
    refused(
      pieces("a" -> 1.0).putFlag("tokenizer.ggml.remove_extra_whitespaces", true),
      "its tokenizer.ggml.remove_extra_whitespaces is true"
    )
  }

  test("a tokenizer that GGUF has no kind for is refused") {
    val unigram = TestModels.directory(
      "tokenizer.json" -> """{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.0]]}}"""
    )
    val error = intercept[LongformException](described(unigram, 2))
    assert(error.errorClass == ErrorClass.UNSUPPORTED_MODEL)
    assert(error.getMessage.contains("it is of type 'Unigram'"))
    val many = intercept[LongformException](described(TestModels.bundled, 2000))
    assert(many.getMessage.contains("it has 2048 tokens, and the model has 2000"))
  }
}
