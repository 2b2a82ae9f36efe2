package org.longform.generate

import org.scalatest.funsuite.AnyFunSuite

import java.util.Random
import scala.collection.JavaConverters._

class StopStringsSuite extends AnyFunSuite {
  private val seed = 20260102L

  private def run(stops: Seq[String], pieces: Seq[String]): (String, Boolean) = {
    val strings = new StopStrings(stops.asJava)
    val text = pieces.map(strings.append).mkString + strings.finish()
    (text, strings.stopped)
  }

  /** Looks at every beginning of the whole text. */
  private def naive(stops: Seq[String], text: String): (String, Boolean) =
    (1 to text.length)
      .map(text.take)
      .collectFirst {
        case start if stops.exists(start.endsWith) =>
          (start.dropRight(stops.filter(start.endsWith).map(_.length).max), true)
      }
      .getOrElse((text, false))

  test("a stop text spread over pieces ends the text and is cut off") {
    assert(run(Seq("END"), Seq("one E", "N", "D two")) == (("one ", true)))
    assert(run(Seq("\n"), Seq("one", "\n", "two")) == (("one", true)))
    assert(run(Seq("END"), Seq("one E", "N")) == (("one EN", false)))
    assert(run(Seq(), Seq("a", "b")) == (("ab", false)))
  }

  test("text that cannot belong to a stop text any more is let through at once") {
    val strings = new StopStrings(List("END").asJava)
    assert(strings.append("abcE") == "abc")
    assert(strings.append("x") == "Ex")
    assert(strings.append("EN") == "")
    assert(strings.append("EN") == "EN")
    assert(strings.append("D") == "" && strings.stopped)
    assert(strings.append("more") == "" && strings.finish() == "")
  }

  test("any split into pieces gives what the whole text gives") {
    info(s"seed $seed")
    val random = new Random(seed)
    var stopped = 0
    for (_ <- 1 to 2000) {
      def word(least: Int, most: Int): String =
        Seq.fill(least + random.nextInt(most - least + 1))("ab\n".charAt(random.nextInt(3))).mkString
      val stops = Seq.fill(random.nextInt(4))(word(1, 5))
      val text = word(0, 30)
      var rest = text
      var pieces = Seq.empty[String]
      while (rest.nonEmpty) {
        val size = random.nextInt(4)
        pieces :+= rest.take(size)
        rest = rest.drop(size)
      }
      val expected = naive(stops, text)
      if (expected._2) stopped += 1
      assert(run(stops, pieces) == expected, s"$stops $pieces")
    }
    assert(stopped > 500)
  }

  test("an empty stop text is refused") {
    intercept[IllegalArgumentException](new StopStrings(List("").asJava))
  }
}
