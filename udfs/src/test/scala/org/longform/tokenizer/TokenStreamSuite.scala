package org.longform.tokenizer

import org.longform.kernels.error.LongformException
import org.scalatest.funsuite.AnyFunSuite

import java.io.{Reader, StringReader}
import java.nio.file.Path
import java.util.Random
import scala.collection.JavaConverters._

class TokenStreamSuite extends AnyFunSuite {
  private val seed = 20260103L

  private def withNative[T](model: Path)(body: NativeTokenizer => T): T = {
    val json = TokenizerJson.load(ModelFiles.of(model))
    val native = NativeTokenizer.of(json.forDocuments("\uE0F1-hidden"), json.file)
    try body(native)
    finally native.close()
  }

  private def chunks(native: NativeTokenizer, text: String, window: Int): Seq[TokenChunk] =
    new TokenStream(native, new StringReader(text), window).asScala.toVector

  private def checkEqual(native: NativeTokenizer, name: String, text: String, window: Int): Int = {
    val whole = native.encode(text)
    val parts = chunks(native, text, window)
    val ids = parts.flatMap(_.ids)
    val differs = ids.zip(whole.ids).indexWhere { case (a, b) => a != b }
    assert(ids.size == whole.size && differs < 0, s"$name: first difference at token $differs")
    assert(parts.flatMap(_.starts) == whole.starts.toSeq.map(_.toLong), name)
    assert(parts.flatMap(_.ends) == whole.ends.toSeq.map(_.toLong), name)
    parts.size
  }

  for (
    (family, model) <- Seq(
      "bundled" -> TestModels.bundled,
      "Llama 3 style" -> TestModels.llama3Style,
      "Llama 2 style" -> TestModels.llama2Style
    )
  )
    test(s"streaming gives the tokens and places of encoding at once: $family tokenizer") {
      info(s"seed $seed")
      withNative(model) { native =>
        val counts = NastyTexts.all(seed).map { case (name, text) =>
          checkEqual(native, name, text, if (text.length < 50000) 1 << 12 else TokenStream.WINDOW)
        }
        assert(counts.count(_ > 1) > 12, "most texts must need several windows")
      }
    }

  test("one word of a megabyte streams like any other text") {
    withNative(TestModels.bundled) { native =>
      val text = NastyTexts.word(new Random(seed), 1 << 20)
      assert(checkEqual(native, "megabyte", text, TokenStream.WINDOW) > 30)
    }
  }

  test("small windows give the same tokens as large ones") {
    info(s"seed $seed")
    val random = new Random(seed)
    for (model <- Seq(TestModels.bundled, TestModels.llama3Style, TestModels.llama2Style))
      withNative(model) { native =>
        for (round <- 1 to 4; window <- Seq(64, 257, 1024)) {
          val text = NastyTexts.mixture(random, 3000)
          checkEqual(native, s"round $round, window $window", text, window)
        }
      }
  }

  test("places name the characters of the original text, emoji included") {
    withNative(TestModels.bundled) { native =>
      val text = NastyTexts.mixture(new Random(seed), 50000)
      val parts = chunks(native, text, 1 << 12)
      val starts = parts.flatMap(_.starts)
      val ends = parts.flatMap(_.ends)
      assert(starts.head == 0 && ends.last == text.length)
      starts.zip(ends).foreach { case (start, end) =>
        assert(start < end)
        assert(!Character.isLowSurrogate(text.charAt(start.toInt)))
        assert(end == text.length || !Character.isLowSurrogate(text.charAt(end.toInt)))
      }
      // each token begins where the one before ends, or shares its characters
      starts.tail.zip(ends).foreach { case (next, end) => assert(next <= end) }
    }
  }

  test("a document is read as it is needed, and only a window of it is kept") {
    val pulled = new Array[Long](1)
    val endless = new Reader {
      private val line = "Some more words of a document without end. ".toCharArray
      override def read(buffer: Array[Char], offset: Int, length: Int): Int = {
        val count = math.min(length, line.length)
        System.arraycopy(line, 0, buffer, offset, count)
        pulled(0) += count
        count
      }
      override def close(): Unit = ()
    }
    withNative(TestModels.bundled) { native =>
      val stream = new TokenStream(native, endless, TokenStream.WINDOW)
      var last = 0L
      for (_ <- 1 to 40) last = stream.next().ends.last
      assert(last > 40L * 20000)
      assert(pulled(0) - last < 4L * TokenStream.WINDOW)
    }
  }

  test("unpaired surrogates count as U+FFFD and move nothing") {
    withNative(TestModels.bundled) { native =>
      val (high, low) = (0xd83d.toChar, 0xde00.toChar)
      val text = s"a${high}b$low$high${low}c$high"
      val parts = chunks(native, text, 64)
      assert(parts.flatMap(_.ids) == native.encode("a\ufffdb\ufffd😀c\ufffd").ids.toSeq)
      assert(parts.flatMap(_.ends).last == text.length)
      // a pair that a window would split
      for (lead <- 60 to 70) {
        val emoji = "x" * lead + "😀" * 200
        checkEqual(native, s"lead $lead", emoji, 64)
      }
    }
  }

  test("an empty document has no chunks and asking for one is an error") {
    withNative(TestModels.bundled) { native =>
      val stream = new TokenStream(native, new StringReader(""), 64)
      assert(!stream.hasNext)
      intercept[NoSuchElementException](stream.next())
    }
  }
}
