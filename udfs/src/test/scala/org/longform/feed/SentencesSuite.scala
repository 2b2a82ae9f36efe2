package org.longform.feed

import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable
import scala.collection.JavaConverters._
import scala.util.Random

/** Where sentences end, and which of them are retained. */
class SentencesSuite extends AnyFunSuite {
  private def split(text: String, piece: Int = 1000): Seq[String] = {
    val begins = mutable.ArrayBuffer(0)
    val splitter = new SentenceSplitter(place => begins += place.toInt)
    text.grouped(piece).foreach(splitter.take(_))
    splitter.finish()
    (begins :+ text.length).sliding(2).map(pair => text.substring(pair.head, pair.last)).toSeq
  }

  test("sentences end behind full stops, question and exclamation marks and blank lines") {
    assert(
      split("One two three. Four five six? Seven eight! Title without a stop\n\nNext. 前の文は長いです。次の文も長いです。") ==
        Seq(
          "One two three.",
          " Four five six?",
          " Seven eight!",
          " Title without a stop\n\n",
          "Next.",
          " 前の文は長いです。",
          "次の文も長いです。"
        )
    )
    assert(split("A line\nand another of the same sentence.").size == 1)
    assert(split("First paragraph\n \t\n\n  Second one") == Seq("First paragraph\n \t\n\n  ", "Second one"))
  }

  test("punctuation alone and a few characters behind a full stop belong to the sentence before") {
    assert(split("Really?! Yes it is... \"Quoted words.\" And more of it.").head == "Really?!")
    assert(split("By J. R. R. Tolkien in his old age.") == Seq("By J. R. R.", " Tolkien in his old age."))
    assert(split("Wait... Then it went on.") == Seq("Wait...", " Then it went on."))
    assert(split("") == Seq("") && split("...") == Seq("...") && split("No end") == Seq("No end"))
  }

  test("however a text comes in pieces, its sentences are the same and have no gaps") {
    val random = new Random(3)
    val alphabet = "ab .?!\n。x1\"'"
    for (_ <- 0 until 300) {
      val text = Seq.fill(random.nextInt(120))(alphabet(random.nextInt(alphabet.length))).mkString
      val whole = split(text)
      assert(whole.mkString == text)
      for (piece <- Seq(1, 2, 7)) assert(split(text, piece) == whole)
    }
  }

  private def sentence(first: Int, length: Int) =
    new Sentence(Array.tabulate(length)(first + _), first.toLong)

  private val sentences = Seq(sentence(0, 3), sentence(3, 4), sentence(7, 1), sentence(8, 5)).asJava

  test("a phrase of one token is itself, and scores are weighted column sums") {
    val random = new Random(5)
    val attention = Array.fill(4, 9)(random.nextDouble())
    val weights = Array.fill(4)(random.nextDouble())
    val plain = new SentenceSelection(3, 1, 100)
    assert(plain.smoothed(attention(0)).toSeq == attention(0).toSeq)
    val scores = plain.scores(attention, weights)
    for (j <- 0 until 9) {
      val expected = (0 until 4).map(r => weights(r) * weights(r) * attention(r)(j)).sum
      assert(math.abs(scores(j) - expected) < 1e-12)
    }
    assert(
      new SentenceSelection(3, 1, 100)
        .scores(attention, Array.fill(4)(1.0))
        .toSeq
        .zip(attention.transpose.map(_.sum))
        .forall { case (a, b) => math.abs(a - b) < 1e-12 }
    )
  }

  test("a phrase sums neighbours, of an even width one more behind, and nothing from beyond the ends") {
    val row = Array[Double](1, 10, 100, 1000, 10000)
    assert(new SentenceSelection(1, 3, 9).smoothed(row).toSeq == Seq(11, 111, 1110, 11100, 11000))
    assert(new SentenceSelection(1, 2, 9).smoothed(row).toSeq == Seq(11, 110, 1100, 11000, 10000))
    assert(new SentenceSelection(1, 4, 9).smoothed(row).toSeq == Seq(111, 1111, 11110, 11100, 11000))
    assert(new SentenceSelection(1, Int.MaxValue, 9).smoothed(row).forall(_ == 11111))
  }

  test("sentences with one of the best tokens stay, in their order") {
    val scores = Array.fill(13)(0.0)
    scores(12) = 5
    scores(1) = 4
    scores(3) = 3
    def kept(focus: Int, limit: Int = 100) =
      new SentenceSelection(focus, 1, limit).select(sentences, scores).asScala.map(_.first())
    assert(kept(1) == Seq(8) && kept(2) == Seq(0, 8) && kept(3) == Seq(0, 3, 8))
    // of equal scores the earlier tokens
    assert(kept(4) == Seq(0, 3, 8) && kept(7) == Seq(0, 3, 8) && kept(13) == Seq(0, 3, 7, 8))
    assert(kept(1000) == Seq(0, 3, 7, 8))
  }

  test("beyond the limit those with worse tokens are left out as a whole, never all of them") {
    val scores = Array.tabulate(13)(_.toDouble)
    def kept(limit: Int) =
      new SentenceSelection(13, 1, limit).select(sentences, scores).asScala.map(_.first())
    assert(kept(13) == Seq(0, 3, 7, 8) && kept(12) == Seq(3, 7, 8) && kept(9) == Seq(0, 7, 8))
    assert(kept(6) == Seq(7, 8) && kept(1) == Seq(8))
  }

  test("a sentence with the question's attention on it survives every window") {
    val random = new Random(11)
    var retained = Seq.empty[Sentence]
    val selection = new SentenceSelection(10, 8, 40)
    val needle = 500
    var seen = 0
    for (window <- 0 until 50) {
      val coming = (0 until 10).map(i => sentence(window * 100 + i * 10, 10))
      val context = retained ++ coming
      val attention = Array.fill(3)(context.flatMap { each =>
        Seq.fill(10)((if (each.first() == needle) 1 else 0) + random.nextDouble() / 100)
      }.toArray)
      val before = retained
      retained =
        selection.select(context.asJava, selection.scores(attention, Array(0.9, 0.5, 0.7))).asScala.toSeq
      assert(retained.map(_.first()) == retained.map(_.first()).sorted)
      assert(retained.forall(each => (before ++ coming).contains(each)))
      assert(retained.map(_.length()).sum <= 40)
      if (window * 100 >= needle) {
        seen += 1
        assert(retained.exists(_.first() == needle))
      }
    }
    assert(seen == 45)
  }
}
