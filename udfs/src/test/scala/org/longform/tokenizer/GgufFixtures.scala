package org.longform.tokenizer

import java.nio.file.{Files, Path}
import java.util.{List => JList}

import org.longform.kernels.weights.{GgufMetadata, GgufWriter, TensorSpec}

import scala.collection.JavaConverters._

/** GGUF files with a vocabulary and nothing else. */
object GgufFixtures {
  val Normal = 1L
  val Unknown = 2L
  val Control = 3L
  val UserDefined = 4L
  val Byte = 6L

  def file(metadata: GgufMetadata): Path = {
    val path = Files.createTempDirectory("gguf").resolve("model.gguf")
    val writer = GgufWriter.create(path, metadata, JList.of[TensorSpec]())
    try writer.finish()
    finally writer.close()
    path
  }

  /** What a model directory's tokenizer is in GGUF's own keys, without Hugging Face's text beside them. */
  def described(directory: Path, vocabulary: Int): (Path, Option[String]) = {
    val metadata = new GgufMetadata
    val note = GgufTokenizer.describe(ModelFiles.of(directory), vocabulary, JList.of[Integer](), metadata)
    metadata.putText("tokenizer.huggingface.json", "")
    (file(without(metadata, "tokenizer.huggingface.json")), Option(note.orElse(null)))
  }

  def without(metadata: GgufMetadata, key: String): GgufMetadata = {
    val copy = new GgufMetadata
    metadata.keys().asScala.filter(_ != key).foreach { each =>
      metadata.plain(each) match {
        case text: String                            => copy.putText(each, text)
        case flag: java.lang.Boolean                 => copy.putFlag(each, flag)
        case number: java.lang.Long                  => copy.putUint32(each, number)
        case _ if metadata.texts(each).isPresent     => copy.putTexts(each, metadata.texts(each).get)
        case _ if metadata.integers(each).isPresent  => copy.putInt32s(each, metadata.integers(each).get)
        case _ if metadata.fractions(each).isPresent => copy.putFloat32s(each, metadata.fractions(each).get)
        case other                                   => throw new AssertionError(s"$each: $other")
      }
    }
    copy
  }

  /** The letters with which byte-level vocabularies write bytes. */
  val byteLetters: IndexedSeq[String] = {
    val printable = ('!' to '~') ++ ('¡' to '¬') ++ ('®' to 'ÿ')
    val others = (0 until 256).filterNot(b => printable.contains(b.toChar))
    (0 until 256).map { byte =>
      if (printable.contains(byte.toChar)) byte.toChar.toString
      else (256 + others.indexOf(byte)).toChar.toString
    }
  }

  /** Bytes, what the merges make, and two control tokens. */
  def bytePairs(pre: Option[String], merges: (String, String)*): GgufMetadata = {
    val tokens = byteLetters ++ merges.map { case (a, b) => a + b } ++ Seq("<|bos|>", "<|eos|>")
    val control = tokens.size - 2
    val metadata = new GgufMetadata()
      .putText("tokenizer.ggml.model", "gpt2")
      .putTexts("tokenizer.ggml.tokens", tokens.asJava)
      .putTexts("tokenizer.ggml.merges", merges.map { case (a, b) => s"$a $b" }.asJava)
      .putInt32s(
        "tokenizer.ggml.token_type",
        tokens.indices.map(id => if (id < control) Normal else Control).toArray
      )
      .putUint32("tokenizer.ggml.bos_token_id", control.toLong)
      .putUint32("tokenizer.ggml.eos_token_id", control + 1L)
    pre.foreach(metadata.putText("tokenizer.ggml.pre", _))
    metadata
  }

  /** SentencePiece's order of ids: unknown, begin, end, the bytes, pieces with their scores. */
  def pieces(scored: (String, Double)*): GgufMetadata = {
    val special = Seq("<unk>", "<s>", "</s>")
    val tokens = special ++ (0 until 256).map(b => f"<0x$b%02X>") ++ scored.map(_._1)
    new GgufMetadata()
      .putText("tokenizer.ggml.model", "llama")
      .putTexts("tokenizer.ggml.tokens", tokens.asJava)
      .putFloat32s("tokenizer.ggml.scores", Array.fill(259)(0.0) ++ scored.map(_._2))
      .putInt32s(
        "tokenizer.ggml.token_type",
        Array(Unknown, Control, Control) ++ Array.fill(256)(Byte) ++ Array.fill(scored.size)(Normal)
      )
  }
}
