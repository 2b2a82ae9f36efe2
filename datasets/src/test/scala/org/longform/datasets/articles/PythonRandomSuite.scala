package org.longform.datasets.articles

import scala.collection.JavaConverters._

import org.longform.datasets.Golden
import org.scalatest.funsuite.AnyFunSuite

class PythonRandomSuite extends AnyFunSuite {

  test("every kind of draw equals that of random.Random in Python for the same text seed") {
    val cases = Golden.items("articles/random.json")
    assert(cases.size == 6)
    for (golden <- cases) {
      val random = new PythonRandom(golden.get("seed").asText)
      for (expected <- golden.get("random").asScala) {
        assert(random.random() == java.lang.Double.parseDouble(expected.asText))
      }
      for (expected <- golden.get("bits").asScala) {
        assert(random.getrandbits(expected.get(0).asInt) == expected.get(1).asText.toLong)
      }
      for (expected <- golden.get("randrange").asScala) {
        assert(random.randrange(expected.get(0).asLong, expected.get(1).asLong) == expected.get(2).asLong)
      }
      val letters = "abcdefghijklmnopqrstuvwxyz".map(_.toString).asJava
      for (expected <- golden.get("choice").asScala) assert(random.choice(letters) == expected.asText)
      for (expected <- golden.get("samples").asScala) {
        val population = (0 until expected.get(0).asInt).map(Int.box).asJava
        val drawn = random.sample(population, expected.get(1).asInt)
        assert(drawn.asScala.map(_.intValue) == expected.get(2).asScala.map(_.asInt).toSeq)
      }
      val shuffled = new java.util.ArrayList((0 until 50).map(Int.box).asJava)
      random.shuffle(shuffled)
      assert(shuffled.asScala.map(_.intValue) == golden.get("shuffled").asScala.map(_.asInt).toSeq)
      for (_ <- 0 until 2000) random.random()
      assert(random.random() == java.lang.Double.parseDouble(golden.get("later").asText))
    }
  }

  test("impossible draws are refused with a sentence") {
    val random = new PythonRandom("refusals")
    assert(
      intercept[IllegalArgumentException](random.randrange(0)).getMessage ==
        "Cannot draw from an empty range: the bound must be positive (0). Give at least 1."
    )
    val tooMany = intercept[IllegalArgumentException](random.sample(Seq(1, 2).asJava, 3))
    assert(tooMany.getMessage.startsWith("Cannot sample 3 of 2 elements"))
    assert(
      intercept[IllegalArgumentException](random.getrandbits(64)).getMessage.contains("must be 0 to 63 (64)")
    )
  }
}
