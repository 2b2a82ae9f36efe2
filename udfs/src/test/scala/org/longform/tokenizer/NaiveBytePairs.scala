package org.longform.tokenizer

import java.nio.charset.StandardCharsets.UTF_8
import java.util.regex.Pattern

import scala.collection.mutable

/** Byte pairs as the papers tell them, slowly: words by regular expressions one after the other, then the
  * pair of lowest rank merges wherever it is, from the left.
  */
class NaiveBytePairs(patterns: Seq[String], ranks: Map[(String, String), Int], wholeWords: Set[String]) {
  private val compiled =
    patterns.map(Pattern.compile(_, Pattern.UNICODE_CHARACTER_CLASS | Pattern.UNICODE_CASE))

  /** What a pattern finds, and what lies between. */
  private def cut(text: String, pattern: Pattern): Seq[String] = {
    val matcher = pattern.matcher(text)
    val parts = Seq.newBuilder[String]
    var end = 0
    while (matcher.find()) {
      parts += text.substring(end, matcher.start) += matcher.group
      end = matcher.end
    }
    parts += text.substring(end)
    parts.result().filter(_.nonEmpty)
  }

  def words(text: String): Seq[String] =
    compiled.foldLeft(Seq(text).filter(_.nonEmpty))((parts, pattern) => parts.flatMap(cut(_, pattern)))

  def tokens(text: String): Seq[String] = words(text).flatMap { word =>
    val letters = word.getBytes(UTF_8).toVector.map(b => GgufFixtures.byteLetters(b & 0xff))
    if (wholeWords(letters.mkString)) Seq(letters.mkString) else merged(letters)
  }

  private def merged(letters: Vector[String]): Seq[String] = {
    var symbols = letters
    var best = lowest(symbols)
    while (best.isDefined) {
      symbols = NaiveBytePairs.joined(symbols, best.get)
      best = lowest(symbols)
    }
    symbols
  }

  private def lowest(symbols: Vector[String]): Option[(String, String)] = {
    val pairs = symbols.iterator.zip(symbols.iterator.drop(1)).toSet.filter(ranks.contains)
    if (pairs.isEmpty) None else Some(pairs.minBy(ranks))
  }
}

object NaiveBytePairs {

  /** The most frequent pairs of some texts, one after the other, within words. */
  def train(corpus: Seq[String], splitter: String => Seq[String], count: Int): Seq[(String, String)] = {
    val words = mutable.Map.empty[Vector[String], Int].withDefaultValue(0)
    corpus.flatMap(splitter).foreach { word =>
      words(word.getBytes(UTF_8).toVector.map(b => GgufFixtures.byteLetters(b & 0xff))) += 1
    }
    val made = mutable.LinkedHashSet.empty[(String, String)]
    val texts = mutable.Set.empty[String]
    var table: Map[Vector[String], Int] = words.toMap
    while (made.size < count) {
      val pairs = mutable.Map.empty[(String, String), Int].withDefaultValue(0)
      for ((word, n) <- table; pair <- word.iterator.zip(word.iterator.drop(1))) pairs(pair) += n
      // a token is made in one way only
      val others = pairs.toSeq.filterNot { case ((a, b), _) => texts(a + b) }
      if (others.isEmpty) return made.toSeq
      val best = others.maxBy { case ((a, b), n) => (n, a, b) }._1
      made += best
      texts += best._1 + best._2
      table =
        table.toSeq.map { case (word, n) => joined(word, best) -> n }.groupBy(_._1).map { case (w, all) =>
          w -> all.map(_._2).sum
        }
    }
    made.toSeq
  }

  private def joined(word: Vector[String], pair: (String, String)): Vector[String] = {
    val out = Vector.newBuilder[String]
    var i = 0
    while (i < word.size) {
      if (i + 1 < word.size && word(i) == pair._1 && word(i + 1) == pair._2) {
        out += pair._1 + pair._2
        i += 2
      } else {
        out += word(i)
        i += 1
      }
    }
    out.result()
  }
}
