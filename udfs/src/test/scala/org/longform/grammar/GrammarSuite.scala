package org.longform.grammar

import java.nio.charset.StandardCharsets.UTF_8

import scala.util.Random

import com.fasterxml.jackson.databind.ObjectMapper
import org.scalatest.funsuite.AnyFunSuite

/** Grammars of bytes against a regular expression of characters. */
class GrammarSuite extends AnyFunSuite {
  private def accepts(rule: Rule, text: Array[Byte]): Boolean =
    Option(rule.start(Place.END).step(text)).exists(_.accepts())

  /** A text of the grammar, byte by byte at random, closed when it is long. */
  private def walk(rule: Rule, random: Random, length: Int): Array[Byte] = {
    val text = Array.newBuilder[Byte]
    var place = rule.start(Place.END)
    var count = 0
    while (!place.isEnd && !(place.accepts() && count >= length)) {
      val next =
        if (count >= length) place.closing()
        else {
          val possible = (0 until 256).filter(byte => place.step(byte) != null)
          assert(possible.nonEmpty, "a dead end")
          // quotes and brackets too, not only the many letters
          val signs = possible.filter(byte => byte < 0x80 && !byte.toChar.isLetterOrDigit)
          if (signs.nonEmpty && random.nextInt(3) == 0) signs(random.nextInt(signs.size))
          else possible(random.nextInt(possible.size))
        }
      text += next.toByte
      place = place.step(next)
      count += 1
    }
    text.result()
  }

  private def damaged(text: Array[Byte], random: Random): Array[Byte] = {
    val pool = "\"\\,:{}[]u0dDaE-+.9n\n é😀\u007f".getBytes(UTF_8)
    val at = random.nextInt(text.length + 1)
    val other = pool(random.nextInt(pool.length))
    random.nextInt(4) match {
      case 0 => text.patch(at, Seq(other), 0)
      case 1 => text.patch(at, Nil, 1)
      case 2 => text.patch(at, Seq(other), 1)
      case _ => text.take(at)
    }
  }

  for ((name, jsonType) <- JsonOracle.types) {
    test(s"$name: every walk through the grammar is JSON of the type, and what is not is refused") {
      val random = new Random(17)
      val oracle = new JsonOracle(jsonType)
      val rule = jsonType.rule()
      val json = new ObjectMapper
      var refused = 0
      for (i <- 1 to 400) {
        val text = walk(rule, random, random.nextInt(120))
        assert(accepts(rule, text))
        assert(oracle.accepts(text), new String(text, UTF_8))
        json.readTree(text)
        var other = text
        for (_ <- 0 to random.nextInt(3)) other = damaged(other, random)
        assert(accepts(rule, other) == oracle.accepts(other), s"$i: ${new String(other, UTF_8)}")
        if (!oracle.accepts(other)) refused += 1
      }
      assert(refused > 100)
    }

    test(s"$name: the way to the end is never longer than the grammar says, and one step changes it little") {
      val random = new Random(23)
      val rule = jsonType.rule()
      def closing(place: Place): Int = {
        var at = place
        var bytes = 0
        while (!at.accepts()) {
          at = at.step(at.closing())
          bytes += 1
        }
        bytes
      }
      assert(closing(rule.start(Place.END)) == rule.shortest())
      for (_ <- 1 to 100) {
        var place = rule.start(Place.END)
        for (byte <- walk(rule, random, 80)) {
          val next = place.step(byte & 0xff)
          assert(closing(next) <= rule.longestClosing())
          assert(closing(next) <= closing(place) + rule.largestJump())
          place = next
        }
      }
    }
  }

  test("a string has no control characters, no half pairs and no malformed UTF-8") {
    val rule = new JsonString(Rule.UNLIMITED)
    val good = Seq("\"\"", "\"é😀\u007f\"", "\"\\ud83d\\ude00\"", "\"\\uD7FF\\ue000\\u0000\"", "\"\\/\\\"\"")
    val bad =
      Seq("\"\n\"", "\"\\x\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\u0041\"", "\"\\ud83dx\"", "\"", "x")
    good.foreach(text => assert(accepts(rule, text.getBytes(UTF_8)), text))
    bad.foreach(text => assert(!accepts(rule, text.getBytes(UTF_8)), text))
    val malformed = Seq(
      Seq(0xc0, 0x80),
      Seq(0xe0, 0x80, 0x80),
      Seq(0xed, 0xa0, 0x80),
      Seq(0xf0, 0x80, 0x80, 0x80),
      Seq(0xf4, 0x90, 0x80, 0x80),
      Seq(0xf5, 0x80, 0x80, 0x80),
      Seq(0x80),
      Seq(0xc3)
    )
    for (bytes <- malformed)
      assert(!accepts(rule, ('"'.toInt +: bytes :+ '"'.toInt).map(_.toByte).toArray), bytes)
  }

  test("maxLength counts characters, however they are written") {
    val rule = new JsonString(2)
    Seq("\"\"", "\"😀é\"", "\"\\ud83d\\ude00a\"", "\"\\n\\u0041\"")
      .foreach(text => assert(accepts(rule, text.getBytes(UTF_8)), text))
    Seq("\"abc\"", "\"😀éa\"", "\"\\n\\n\\n\"").foreach(text =>
      assert(!accepts(rule, text.getBytes(UTF_8)), text)
    )
  }

  test("a word may be the beginning of another") {
    val rule = new Words(java.util.List.of("no".getBytes, "none".getBytes, "yes".getBytes))
    Seq("no", "none", "yes").foreach(word => assert(accepts(rule, word.getBytes), word))
    Seq("", "n", "non", "nones", "ye").foreach(word => assert(!accepts(rule, word.getBytes), word))
    assert(rule.shortest() == 2)
  }

  test("a blank may stand first, and no second one") {
    val rule = new BlankFirst(new JsonString(3))
    Seq("\"a\"", " \"a\"").foreach(text => assert(accepts(rule, text.getBytes), text))
    assert(!accepts(rule, "  \"a\"".getBytes) && !accepts(rule, "\"a\" ".getBytes))
  }
}
