package org.longform.datasets.articles

import scala.collection.JavaConverters._

import org.scalatest.funsuite.AnyFunSuite

class ArticleStreamSuite extends AnyFunSuite {

  test("pieces joined are the article, and the reader gives the same characters for any buffer") {
    val spec = ArticleSpec.of("pieces", 5000)
    val whole = Article.of(spec).text
    assert(new ArticleStream(spec).asScala.mkString == whole)
    for (size <- Seq(1, 7, 8192)) {
      val reader = new ArticleReader(new ArticleStream(spec))
      val buffer = new Array[Char](size)
      val text =
        Iterator.continually(reader.read(buffer)).takeWhile(_ >= 0).map(new String(buffer, 0, _)).mkString
      assert(text == whole, s"with a buffer of $size")
    }
  }

  test("every fact is known by the time its piece is returned") {
    val stream = new ArticleStream(ArticleSpec.of("known", 8000))
    val text = new StringBuilder
    while (stream.hasNext) {
      text.append(stream.next())
      val stated = stream.facts.asScala.filter(_.end <= text.length)
      assert(stated.forall(f => text.substring(f.start.toInt, f.end.toInt).endsWith(f.answer.substring(1))))
    }
    assert(stream.facts.asScala.count(_.end <= text.length) == stream.facts.size && stream.facts.size > 50)
    assert(intercept[NoSuchElementException](stream.next()).getMessage.startsWith("Cannot read on"))
  }

  test("no two facts of an article answer the same question") {
    val facts = Article.of(ArticleSpec.of("unique", 60000)).facts.asScala
    assert(facts.size > 500)
    assert(facts.map(_.question).distinct.size == facts.size)
  }

  test("the length follows the token count that is given") {
    val byWords = ArticleSpec.of("words", 3000).withTokenCount(text => text.split("\\s+").length.toDouble)
    val words = Article.of(byWords).text.split("\\s+").length
    assert(words > 2700 && words < 3300, words)
  }

  test("wrong specifications are refused with a sentence") {
    def message(make: => Any) = intercept[IllegalArgumentException](make).getMessage
    assert(message(ArticleSpec.of("x", 0)).contains("the target length must be positive (0)"))
    assert(
      message(ArticleSpec.of("x", 10).withFields(Seq("alchemy").asJava)).startsWith(
        "Cannot write an article: field 'alchemy' is unknown (known: [epidemiology, materials science"
      )
    )
    assert(message(FindingPlace.at(1.5)).contains("must be between 0 and 1 (1.5)"))
    assert(message(new ArticleSpec.FactMix(Double.NaN, 0, 0)).contains("the share 'facts'"))
    assert(ArticleVocabulary.bundled.fieldNames.size == 12)
  }
}
