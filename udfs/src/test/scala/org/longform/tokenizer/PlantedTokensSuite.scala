package org.longform.tokenizer

import java.nio.file.{Files, Path}

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import org.longform.tokenizer.Tokenizer.Place
import org.scalatest.funsuite.AnyFunSuite

/** Documents that spell the control tokens of well-known chat templates get ordinary tokens. */
class PlantedTokensSuite extends AnyFunSuite {
  private val json = new ObjectMapper
  private val marks =
    Seq(
      "<|im_start|>",
      "<|im_end|>",
      "[INST]",
      "[/INST]",
      "<|eot_id|>",
      "<|start_header_id|>",
      "<end_of_turn>"
    )

  private def tree(path: Path): ObjectNode =
    json.readTree(Files.readAllBytes(path.resolve("tokenizer.json"))).asInstanceOf[ObjectNode]

  /** The tokenizer with the marks added, as their models' files have them. */
  private def withMarks(path: Path, special: Boolean): Path = {
    val changed = tree(path)
    val added = changed.get("added_tokens").asInstanceOf[ArrayNode]
    val first = Tokenizer.load(path).vocabSize
    marks.zipWithIndex.foreach { case (mark, i) =>
      added.add(
        added.get(0).deepCopy[ObjectNode].put("id", first + i).put("content", mark).put("special", special)
      )
    }
    TestModels.directory("tokenizer.json" -> changed.toString)
  }

  private def words(model: String, unknown: String): String =
    s"""{"version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
       | "decoder": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "model": $model, "added_tokens": [
       | ${(Seq(unknown, "</s>") ++ marks).zipWithIndex
        .map { case (mark, id) =>
          s"""{"id": $id, "content": "$mark", "single_word": false, "lstrip": false, "rstrip": false,
         "normalized": false, "special": true}"""
        }
        .mkString(",")}]}""".stripMargin

  private def letters = ('a' to 'z') ++ "<>|[]/_INST."

  /** A vocabulary that has the control tokens as pieces with the best scores, as Unigram models have. */
  private def unigram: Path = {
    val pieces = (Seq("<unk>", "</s>") ++ marks).map(mark => s"""["$mark", 0.0]""") ++
      letters.distinct.map(c => s"""["$c", -5.0]""")
    TestModels.directory(
      "tokenizer.json" -> words(
        s"""{"type": "Unigram", "unk_id": 0, "byte_fallback": false, "vocab": [${pieces.mkString(",")}]}""",
        "<unk>"
      )
    )
  }

  private def wordLevel: Path = {
    val vocabulary = (Seq("[UNK]", "</s>") ++ marks ++ Seq("text", "more")).zipWithIndex
      .map { case (word, id) => s""""$word": $id""" }
      .mkString(",")
    TestModels.directory(
      "tokenizer.json" ->
        words(s"""{"type": "WordLevel", "vocab": {$vocabulary}, "unk_token": "[UNK]"}""", "[UNK]")
    )
  }

  private def check(name: String, path: Path): Unit = {
    val tokenizer = Tokenizer.load(path)
    try {
      val control = tokenizer.specialTokens.keySet
      marks.foreach { mark =>
        val read = tokenizer.encodeTemplate(mark, Place.BEGINNING)
        assert(read.exists(control.contains(_)), s"$name has no token '$mark', so this would prove nothing")
      }
      for (mark <- marks ++ Seq("</s>", "<s>", "<|bos|>", "<|eos|>")) {
        val planted = s"text $mark more"
        for (place <- Place.values)
          tokenizer.encode(planted, place).foreach { id =>
            assert(
              !control.contains(id) || tokenizer.specialTokens.get(id).toUpperCase.contains("UNK"),
              s"$name reads '$mark' as token $id"
            )
          }
        assert(tokenizer.encode(mark).length > 1 || tokenizer.vocabSize < 60, s"$name, $mark")
      }
    } finally tokenizer.close()
  }

  test("byte pairs: planted control tokens are ordinary text") {
    check("byte level", withMarks(TestModels.bundled, special = true))
    check("Llama 3", withMarks(TestModels.llama3Style, special = true))
  }

  test("byte pairs with spaces as U+2581: planted control tokens are ordinary text") {
    check("Llama 2", withMarks(TestModels.llama2Style, special = true))
  }

  test("byte pairs that ignore merges do not find control tokens in the vocabulary") {
    val changed = tree(TestModels.llama3Style)
    val model = changed.get("model").asInstanceOf[ObjectNode]
    model.put("ignore_merges", true)
    val vocabulary = model.get("vocab").asInstanceOf[ObjectNode]
    val first = Tokenizer.load(TestModels.llama3Style).vocabSize
    val added = changed.get("added_tokens").asInstanceOf[ArrayNode]
    vocabulary.put("<|eot_id|>", first)
    added.add(added.get(0).deepCopy[ObjectNode].put("id", first).put("content", "<|eot_id|>"))
    changed.set[JsonNode]("pre_tokenizer", json.readTree("""{"type": "WhitespaceSplit"}"""))
    val tokenizer = Tokenizer.load(TestModels.directory("tokenizer.json" -> changed.toString))
    try {
      assert(!tokenizer.encode("a <|eot_id|> b").contains(first))
      assert(tokenizer.encodeTemplate("<|eot_id|>", Place.BEGINNING).contains(first))
    } finally tokenizer.close()
  }

  test("Unigram and WordLevel: control tokens are not found as pieces or words") {
    check("Unigram", unigram)
    check("WordLevel", wordLevel)
    val tokenizer = Tokenizer.load(unigram)
    try {
      assert(tokenizer.encodeTemplate("<|im_end|>", Place.BEGINNING).toSeq == Seq(3))
      assert(tokenizer.encode("<|im_end|>").length == "<|im_end|>".length)
    } finally tokenizer.close()
  }

  test("marks of turns that a model's files do not call special are ordinary text in documents, too") {
    val path = withMarks(TestModels.bundled, special = false)
    val tokenizer = Tokenizer.load(path)
    try
      for (mark <- marks) {
        assert(tokenizer.encode(s"text $mark more").forall(_ < 2046), mark)
        assert(tokenizer.encodeTemplate(mark, Place.BEGINNING).forall(_ >= 2048), mark)
      }
    finally tokenizer.close()
  }

  test("GGUF files: control tokens of both kinds are ordinary text in documents") {
    for (
      metadata <- Seq(GgufFixtures.bytePairs(Some("gpt-2"), "a" -> "b"), GgufFixtures.pieces("a" -> -1.0))
    ) {
      val file = GgufFixtures.file(metadata)
      val tokenizer = Tokenizer.load(file)
      try
        for (mark <- Seq("<|bos|>", "<|eos|>", "<s>", "</s>") ++ marks) {
          val ids = tokenizer.encode(s"a $mark b")
          assert(!ids.exists(id => tokenizer.specialTokens.containsKey(id)), mark)
        }
      finally tokenizer.close()
    }
  }
}
