package org.longform.tokenizer

import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

import org.longform.datasets.models.BundledModels

import java.nio.file.{Files, Path}
import scala.collection.JavaConverters._

/** The bundled tokenizer, and variants of it that behave like those of well-known families. */
object TestModels {
  private val json = new ObjectMapper

  lazy val bundled: Path = BundledModels.localDirectory("longform-tiny")

  def directory(files: (String, String)*): Path = {
    val directory = Files.createTempDirectory("model")
    files.foreach { case (name, text) =>
      Files.write(directory.resolve(name), text.getBytes("UTF-8"))
    }
    directory
  }

  def text(name: String): String = new String(Files.readAllBytes(bundled.resolve(name)), "UTF-8")

  /** The bundled vocabulary behind the pre-tokenizer of Llama 3: long words, digits in threes. */
  lazy val llama3Style: Path = {
    val regex =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|" +
        " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    val tree = json.readTree(text("tokenizer.json")).asInstanceOf[ObjectNode]
    tree.set[JsonNode](
      "pre_tokenizer",
      json.readTree(s"""{"type": "Sequence", "pretokenizers": [
           {"type": "Split", "pattern": {"Regex": ${json.writeValueAsString(regex)}},
            "behavior": "Isolated", "invert": false},
           {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}
         ]}""")
    )
    directory("tokenizer.json" -> tree.toString, "tokenizer_config.json" -> text("tokenizer_config.json"))
  }

  /** As Llama 2: one word for the whole text, spaces as U+2581, unknown characters as bytes. */
  lazy val llama2Style: Path = {
    val tree = json.readTree(text("tokenizer.json")).asInstanceOf[ObjectNode]
    val model = tree.get("model").asInstanceOf[ObjectNode]
    val vocabulary = json.createObjectNode()
    def renamed(token: String): String = token.replace('Ġ', '\u2581').replace('Ċ', '\n')
    val plain = (token: String) => token.forall(c => c == '\u2581' || c == '\n' || c.toInt < 128)
    Seq("<unk>", "<s>", "</s>").foreach(token => vocabulary.put(token, vocabulary.size))
    (0 until 256).foreach(byte => vocabulary.put(f"<0x$byte%02X>", vocabulary.size))
    model.get("vocab").fieldNames.asScala.map(renamed).filter(plain).foreach { token =>
      if (!vocabulary.has(token)) vocabulary.put(token, vocabulary.size)
    }
    val merges = json.createArrayNode()
    model.get("merges").asInstanceOf[ArrayNode].asScala.foreach { merge =>
      val parts =
        if (merge.isTextual) merge.asText.split(' ').toSeq else merge.asScala.map(_.asText).toSeq
      val known = parts.map(renamed)
      if (known.forall(vocabulary.has) && vocabulary.has(known.mkString))
        merges.add(json.createArrayNode().add(known.head).add(known(1)))
    }
    model.set[JsonNode]("vocab", vocabulary)
    model.set[JsonNode]("merges", merges)
    model.put("byte_fallback", true).put("unk_token", "<unk>")
    tree.set[JsonNode](
      "added_tokens",
      json.readTree(
        Seq("<unk>", "<s>", "</s>").zipWithIndex
          .map { case (token, id) =>
            s"""{"id": $id, "content": "$token", "single_word": false, "lstrip": false,
             "rstrip": false, "normalized": false, "special": true}"""
          }
          .mkString("[", ",", "]")
      )
    )
    tree.set[JsonNode](
      "normalizer",
      json.readTree("""{"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}""")
    )
    tree.putNull("pre_tokenizer").putNull("post_processor")
    tree.set[JsonNode](
      "decoder",
      json.readTree("""{"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}""")
    )
    directory(
      "tokenizer.json" -> tree.toString,
      "tokenizer_config.json" ->
        """{"bos_token": {"content": "<s>"}, "eos_token": "</s>", "add_bos_token": true}"""
    )
  }
}
