package org.longform.datasets.tasks

import scala.collection.JavaConverters._

import org.longform.datasets.Golden
import org.longform.datasets.articles.{Article, ArticleSpec}
import org.scalatest.funsuite.AnyFunSuite

class CardTasksSuite extends AnyFunSuite {

  /** The stand-in for a tokenizer with which the goldens were recorded. */
  private def count(text: String): Int = 1 + text.indices.count(i => !text(i).isLetter || i % 5 == 0)

  private def cases(request: NeedleRequest) = new NeedleCases(request, text => count(text)).asScala.toSeq

  test("needle articles, cuts and asked facts are those of the Python evaluation") {
    val goldens = Golden.items("tasks/needles.json")
    assert(goldens.map(_.get("length").asInt) == Seq(512, 1024, 4096, 32768, 300))
    for (golden <- goldens) {
      val depths = golden.get("depths").asScala.map(d => Double.box(d.asDouble)).toSeq.asJava
      val request = new NeedleRequest(golden.get("length").asInt, depths, golden.get("per_depth").asInt, 1)
      val expected = golden.get("cases").asScala.toSeq
      val actual = cases(request)
      assert(actual.map(_.id) == expected.map(_.get("id").asText))
      for ((needle, wanted) <- actual.zip(expected)) {
        assert(Golden.sha256(needle.text) == wanted.get("text").asText, needle.id)
        val asked = needle.questions.asScala.map(q => (q.depth, q.fact.question, q.fact.answer, q.fact.start))
        val gold = wanted
          .get("questions")
          .asScala
          .map(q => (q.get(0).asDouble, q.get(1).asText, q.get(2).asText, q.get(3).asLong))
        assert(asked == gold.toSeq, needle.id)
      }
    }
  }

  test("with the token counts of the bundled model the needle cases are those of the model card's table") {
    val goldens = Golden.items("tasks/needles-longform-tiny.json")
    assert(goldens.map(_.get("length").asInt) == Seq(512, 1024, 2048, 4096, 8192, 32768))
    for (golden <- goldens) {
      val expected = golden.get("cases").asScala.toSeq
      // recorded beside the Python evaluation: this module has no tokenizer
      val counts = expected.iterator.map(_.get("article_tokens").asInt)
      val actual =
        new NeedleCases(NeedleRequest.ofCard(golden.get("length").asInt), _ => counts.next()).asScala.toSeq
      assert(actual.map(_.id) == expected.map(_.get("id").asText))
      for ((needle, wanted) <- actual.zip(expected)) {
        assert(Golden.sha256(needle.text) == wanted.get("text").asText, needle.id)
        assert(
          needle.questions.asScala.map(_.fact.start) == wanted.get("questions").asScala.map(_.get(3).asLong)
        )
      }
    }
  }

  test("every needle text fits its length and holds the answers to its questions") {
    for (needle <- cases(NeedleRequest.ofCard(2048))) {
      assert(
        count(needle.text) <= 2048 - NeedleRequest.RESERVED_TOKENS + 20,
        "as near as the planned cut comes"
      )
      assert(needle.text.endsWith("."))
      for (asked <- needle.questions.asScala) {
        val fact = asked.fact
        assert(needle.text.substring(fact.start.toInt, fact.end.toInt).endsWith(fact.answer.substring(1)))
      }
    }
  }

  test("summary and perplexity articles are those of the Python evaluation") {
    val summaries = Golden.items("tasks/summaries.json")
    assert(summaries.size == 20)
    for (golden <- summaries) {
      val spec =
        CardArticles.forSummary(
          golden.get("length").asInt,
          golden.get("depth").asDouble,
          golden.get("number").asInt
        )
      assert(spec.seed == golden.get("id").asText)
      val article = Article.of(spec)
      assert(Golden.sha256(article.text) == golden.get("text").asText)
      assert(article.finding.get == golden.get("finding").asText)
    }
    for (golden <- Golden.items("tasks/perplexity.json")) {
      val spec = CardArticles.forPerplexity(golden.get("length").asInt, golden.get("number").asInt)
      assert(spec.seed == golden.get("id").asText)
      assert(Golden.sha256(Article.of(spec).text) == golden.get("text").asText)
    }
  }

  test("wrong requests are refused with a sentence") {
    def message(make: => Any) = intercept[IllegalArgumentException](make).getMessage
    assert(
      message(NeedleRequest.ofCard(100)) ==
        "Cannot make retrieval questions: the length must be above 120 tokens (100). Correct the request."
    )
    val twice = Seq(0.5, 0.5).map(Double.box).asJava
    assert(message(new NeedleRequest(512, twice, 1, 1)).contains("a depth is given twice ([0.5, 0.5])"))
    val outside = Seq(1.5).map(Double.box).asJava
    assert(message(new NeedleRequest(512, outside, 1, 1)).contains("lie between 0 and 1 ([1.5])"))
    assert(message(new NeedleRequest(512, NeedleRequest.CARD_DEPTHS, 0, 1)).contains("must be positive (0)"))
    assert(message(CorpusRequest.of("c", Seq(Long.box(0L)).asJava, 1)).contains("positive ([0])"))
  }

  test("the default article specification plans with 4.3 characters per token") {
    assert(ArticleSpec.of("x", 10).tokenCount.applyAsDouble("x" * 43) == 10.0)
  }
}
