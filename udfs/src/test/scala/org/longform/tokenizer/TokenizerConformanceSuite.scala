package org.longform.tokenizer

import java.io.StringReader
import java.nio.file.Path
import java.text.Normalizer
import java.util.Random

import org.longform.tokenizer.GgufFixtures._
import org.longform.tokenizer.Tokenizer.Place
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** Ids are those of a naive tokenizer written from the algorithm, for every way to split words and every kind
  * of vocabulary, and those of a whole text where it comes in pieces.
  */
class TokenizerConformanceSuite extends AnyFunSuite {
  private val seed = 20260322L

  private def using[A](path: Path)(body: Tokenizer => A): A = {
    val tokenizer = Tokenizer.load(path)
    try body(tokenizer)
    finally tokenizer.close()
  }

  private val contraction = "'(?:[sSdDmMtTſ]|[rR][eE]|[vV][eE]|[lL][lL])"
  private val gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
  private val spaces = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
  private val signs = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
  private val upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
  private val lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
  private val any = "[^\\r\\n\\p{L}\\p{N}]?"

  private def llama3(numbers: String): String = s"$contraction|$any\\p{L}+|$numbers|$signs|$spaces"

  private def gpt4o(behind: String, numbers: String): String =
    s"$any$upper*$lower+$behind|$any$upper+$lower*$behind|$numbers| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|$spaces"

  /** The words of each name as the documentation of its model tells them. */
  private val patterns: Map[String, Seq[String]] = Map(
    "llama-bpe" -> Seq(llama3("\\p{N}{1,3}")),
    "dbrx" -> Seq(llama3("\\p{N}{1,3}")),
    "qwen2" -> Seq(llama3("\\p{N}")),
    "grok-2" -> Seq(llama3("\\p{N}")),
    "tekken" -> Seq(gpt4o("", "\\p{N}")),
    "gpt-4o" -> Seq(gpt4o(s"(?:$contraction)?", "\\p{N}{1,3}")),
    "gpt-2" -> Seq(gpt2),
    "smollm" -> Seq("\\p{N}", gpt2),
    "falcon" -> Seq("[\\p{P}$+<=>^~|`]+", gpt2, "[0-9][0-9][0-9]"),
    "default" -> Seq("[\\p{P}$+<=>^~|]+", gpt2, "\\p{N}+", "[0-9][0-9][0-9]"),
    "minicpm5" -> Seq("\\p{N}{1,3}", llama3("\\p{N}+")),
    "qwen35" -> Seq(
      s"$contraction|$any[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|$spaces"
    ),
    "seed-coder" -> Seq(s"$contraction|$any\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|$spaces"),
    "deepseek-coder" -> Seq("[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-\uD7FF]+", "\\p{N}"),
    "deepseek-v3" -> Seq(
      "\\p{N}{1,3}",
      "[一-龥\u3040-ゟ゠-ヿ]+",
      "[!-/:-~&&[^A-Za-z]][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" + spaces
    ),
    "bloom" -> Seq(" ?[^(\\s|.,!?…。，、।۔،)]+"),
    "viking" -> Seq(" ?[^(\\s|.,!?…。，、।۔،)]+", "\\p{N}")
  )

  private val composed = Set("qwen2", "qwen35")
  private val wholeWords = Set("llama-bpe", "tekken", "minicpm5")

  private val corpus =
    HardTexts.all ++ Seq.tabulate(3)(i => NastyTexts.mixture(new Random(seed + i), 1500)) ++
      Seq("the dose was it's what we've seen 2026 123456 if return def  \n\n the The THE ") ++
      NastyTexts.all(seed, 1000).filter(_._1 == "prose").map(_._2.take(3000))

  for ((name, regexes) <- patterns.toSeq.sortBy(_._1))
    test(s"byte pairs of a vocabulary trained here, with the words of $name") {
      val splitter = new NaiveBytePairs(regexes, Map.empty, Set.empty)
      val merges = NaiveBytePairs.train(corpus, splitter.words, 300)
      assert(merges.size == 300)
      val metadata = bytePairs(Some(name), merges: _*)
      val vocabulary = metadata.texts("tokenizer.ggml.tokens").get.asScala
      val whole = if (wholeWords(name)) vocabulary.toSet else Set.empty[String]
      val naive = new NaiveBytePairs(regexes, merges.zipWithIndex.toMap, whole)
      using(file(metadata)) { tokenizer =>
        for (text <- corpus) {
          val read = if (composed(name)) Normalizer.normalize(text, Normalizer.Form.NFC) else text
          val found = tokenizer.encode(text).toSeq.map(vocabulary)
          assert(found == naive.tokens(read), s"'${text.take(200)}'")
        }
      }
    }

  test("every distinct way to split words is compared with the naive one, but for one list of letters") {
    val distinct = WordSplit.values.map(_.ggufName).toSet
    assert(distinct -- patterns.keySet == Set("deepseek-llm"))
  }

  test("a name that nobody knows is refused with the known ones, not guessed") {
    val error = intercept[org.longform.kernels.error.LongformException] {
      Tokenizer.load(file(bytePairs(Some("llama-bpe-2")))).close()
    }
    assert(error.getMessage.contains("its tokenizer.ggml.pre is 'llama-bpe-2', which is unknown (known: "))
    for (
      family <- Seq(
        "llama-bpe",
        "qwen2",
        "gpt-2",
        "smollm",
        "tekken",
        "olmo",
        "dbrx",
        "deepseek-llm",
        "refact"
      )
    )
      assert(error.getMessage.contains(family), family)
  }

  // --- added tokens

  private def withAdded(metadata: org.longform.kernels.weights.GgufMetadata, kind: Long, tokens: String*) = {
    val all = metadata.texts("tokenizer.ggml.tokens").get.asScala.toIndexedSeq ++ tokens
    val types = metadata.integers("tokenizer.ggml.token_type").get ++ tokens.map(_ => kind)
    metadata.putTexts("tokenizer.ggml.tokens", all.asJava).putInt32s("tokenizer.ggml.token_type", types)
    metadata.fractions("tokenizer.ggml.scores").ifPresent { scores =>
      metadata.putFloat32s("tokenizer.ggml.scores", scores ++ tokens.map(_ => 0.0))
    }
    all
  }

  test("user-defined tokens are found first in any text, the longest of those that begin at a place") {
    val metadata = bytePairs(Some("gpt-2"), "Ġ" -> "a")
    val vocabulary = withAdded(metadata, UserDefined, "<tool>", "  ", "    ", "\n\n", "日本")
    using(file(metadata)) { tokenizer =>
      def tokens(text: String): Seq[String] = tokenizer.encode(text).toSeq.map(vocabulary)
      assert(tokens("a<tool> a") == Seq("a", "<tool>", "Ġa"))
      assert(tokens("a     a") == Seq("a", "    ", "Ġa"))
      assert(tokens("\n\n\n日本") == Seq("\n\n", "Ċ", "日本"))
      for (text <- HardTexts.all) assert(tokenizer.decode(tokenizer.encode(text)) == text)
    }
  }

  test("SentencePiece: a blank is put before a text and behind each user-defined token, as llama.cpp does") {
    val metadata = pieces("▁" -> -1.0, "a" -> -2.0, "▁a" -> -0.5)
    val vocabulary = withAdded(metadata, UserDefined, "<tool>")
    using(file(metadata)) { tokenizer =>
      assert(tokenizer.encode("a<tool>a").toSeq.map(vocabulary) == Seq("▁a", "<tool>", "▁a"))
      val bytes = tokenizer.encode("é😀").toSeq.map(vocabulary)
      assert(bytes == Seq("▁", "<0xC3>", "<0xA9>", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>"))
      for (text <- HardTexts.all) assert(tokenizer.decode(tokenizer.encode(text)) == text, text)
    }
    metadata.putFlag("tokenizer.ggml.add_space_prefix", false)
    using(file(metadata)) { tokenizer =>
      assert(tokenizer.encode("a<tool>a").toSeq.map(vocabulary) == Seq("a", "<tool>", "a"))
    }
  }

  test("control tokens of Phi-3 take the white space behind them, those of others do not") {
    def tokens(name: String): Seq[String] = {
      val metadata =
        pieces("▁" -> -1.0, "a" -> -2.0, "▁a" -> -0.5, "\n" -> -3.0).putText("general.name", name)
      val vocabulary = withAdded(metadata, Control, "<|user|>")
      using(file(metadata)) { tokenizer =>
        tokenizer.encodeTemplate("<s><|user|>\n a", Place.BEGINNING).toSeq.map(vocabulary)
      }
    }
    assert(tokens("Phi3") == Seq("<s>", "<|user|>", "▁a"))
    assert(tokens("Llama") == Seq("<s>", "<|user|>", "▁", "\n", "▁a"))
  }

  test("white space beside added tokens goes as their files say (lstrip, rstrip)") {
    val json = new com.fasterxml.jackson.databind.ObjectMapper
    val tree = json.readTree(TestModels.text("tokenizer.json"))
    def added(id: Int, content: String, left: Boolean, right: Boolean): String =
      s"""{"id": $id, "content": "$content", "single_word": false, "lstrip": $left, "rstrip": $right,
         "normalized": false, "special": true}"""
    val list = tree.get("added_tokens").asInstanceOf[com.fasterxml.jackson.databind.node.ArrayNode]
    list.add(json.readTree(added(2048, "<L>", left = true, right = false)))
    list.add(json.readTree(added(2049, "<R>", left = false, right = true)))
    using(TestModels.directory("tokenizer.json" -> tree.toString)) { tokenizer =>
      def ids(text: String): Seq[Int] = tokenizer.encodeTemplate(text, Place.BEGINNING).toSeq
      assert(ids("a  <L>b") == ids("a") ++ Seq(2048) ++ ids("b"))
      assert(ids("a<R> \n b") == ids("a") ++ Seq(2049) ++ ids("b"))
      assert(ids("a <R>b") == ids("a ") ++ Seq(2049) ++ ids("b"))
    }
  }

  // --- pieces of any size

  for (
    (name, model) <- Seq[(String, () => Path)](
      "byte pairs" -> (() => TestModels.bundled),
      "Llama 3's words" -> (() => TestModels.llama3Style),
      "Llama 2's pieces" -> (() => TestModels.llama2Style),
      "GGUF's pieces" -> (() =>
        file(pieces("▁" -> -1.0, "a" -> -2.0, "▁a" -> -0.5, "ab" -> -0.7, "b" -> -3.0))
      ),
      "composed words" -> (() => file(bytePairs(Some("qwen2"), "Ġ" -> "a", "e" -> "e")))
    )
  )
    test(s"a text in windows of any size has the tokens of the whole: $name") {
      info(s"seed $seed")
      val json = TokenizerJson.load(ModelFiles.of(model()))
      val native = NativeTokenizer.of(json.forDocuments("\uE0F1-hidden"), json.file)
      try {
        val random = new Random(seed)
        val texts = Seq.fill(4)(HardTexts.all(random.nextInt(HardTexts.all.size)) * 3) ++
          Seq(random.ints(60, 0, HardTexts.all.size).toArray.map(HardTexts.all).mkString(" "))
        for (text <- texts :+ HardTexts.all.mkString("\n"); window <- Seq(64, 80, 129, 1024)) {
          val whole = native.encode(TextWindow.wellFormed(text)).ids.toSeq
          val parts = new TokenStream(native, new StringReader(text), window).asScala.flatMap(_.ids).toSeq
          assert(parts == whole, s"window $window, ${text.length} characters")
        }
      } finally native.close()
    }
}
