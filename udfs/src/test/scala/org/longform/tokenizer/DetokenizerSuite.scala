package org.longform.tokenizer

import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import java.util.Random

class DetokenizerSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val seed = 20260105L
  private lazy val bundled = Tokenizer.load(TestModels.bundled)
  private lazy val llama2 = Tokenizer.load(TestModels.llama2Style)

  override def afterAll(): Unit = {
    bundled.close()
    llama2.close()
  }

  private def pieces(tokenizer: Tokenizer, ids: Seq[Int]): Seq[String] = {
    val detokenizer = tokenizer.detokenizer()
    val appended = ids.map(id => detokenizer.append(id))
    appended :+ detokenizer.finish()
  }

  test("the pieces together are the text, and none holds a part of a character") {
    info(s"seed $seed")
    val random = new Random(seed)
    for (tokenizer <- Seq(bundled, llama2); _ <- 1 to 6) {
      val text = NastyTexts.mixture(random, 800).take(1500).replaceAll("[\\ud800-\\udbff]$", "")
      val ids = tokenizer.encode(text)
      val all = pieces(tokenizer, ids.toIndexedSeq)
      assert(all.mkString == tokenizer.decode(ids))
      assert(all.mkString == text)
      all.foreach(piece => assert(!piece.contains('\ufffd') && TextWindow.wellFormed(piece) == piece))
    }
  }

  test("a character appears with its last token") {
    val ids = bundled.encode("a😀b")
    assert(ids.length == 6)
    assert(pieces(bundled, ids.toIndexedSeq) == Seq("a", "", "", "", "😀", "b", ""))
  }

  test("what is incomplete at the end comes out as replacement characters") {
    val ids = bundled.encode("a😀").dropRight(1)
    val all = pieces(bundled, ids.toIndexedSeq)
    assert(all.mkString == bundled.decode(ids))
    assert(all.mkString.startsWith("a\ufffd"))
  }

  test("bytes that are no text come out, too, and do not pile up") {
    info(s"seed $seed")
    val random = new Random(seed)
    val ids = Seq.fill(2000)(128 + random.nextInt(128))
    val detokenizer = bundled.detokenizer()
    var given = 0
    ids.zipWithIndex.foreach { case (id, i) =>
      given += detokenizer.append(id).length
      assert(given >= (i - 200) / 4)
    }
    assert(detokenizer.finish().length < 100)
  }

  test("special tokens give no text") {
    assert(pieces(bundled, Seq(2046, 97, 2047, 98)).mkString == "ab")
  }

  test("words of a tokenizer that marks spaces keep their spaces") {
    val ids = llama2.encode("one two three")
    assert(pieces(llama2, ids.toIndexedSeq).mkString == "one two three")
  }
}
