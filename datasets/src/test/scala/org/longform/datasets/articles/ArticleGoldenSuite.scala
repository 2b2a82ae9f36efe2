package org.longform.datasets.articles

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.JsonNode
import org.longform.datasets.Golden
import org.scalatest.funsuite.AnyFunSuite

class ArticleGoldenSuite extends AnyFunSuite {

  private def spec(golden: JsonNode): ArticleSpec = {
    def share(name: String, default: Double) = Option(golden.get(name)).map(_.asDouble).getOrElse(default)
    val mix = new ArticleSpec.FactMix(share("fact_share", 0.5), share("restate", 0.08), share("hard", 0.35))
    val finding =
      if (golden.hasNonNull("finding_depth")) FindingPlace.at(golden.get("finding_depth").asDouble)
      else if (golden.has("conclusion")) FindingPlace.NONE
      else FindingPlace.END
    val plain = ArticleSpec
      .of(golden.get("seed").asText, golden.get("tokens").asLong)
      .withMix(mix)
      .withFinding(finding)
    if (golden.has("fields")) plain.withFields(golden.get("fields").asScala.map(_.asText).toSeq.asJava)
    else plain
  }

  private def line(f: Fact) =
    s"${f.attribute}|${f.name}|${f.kind}|${f.value}|${f.start}|${f.end}|${f.repeats}\n"

  test("articles of one to a million tokens equal those of the Python generator to the byte") {
    val goldens = Golden.lines("articles/articles.jsonl")
    assert(goldens.size == 221)
    assert(goldens.exists(_.get("tokens").asLong == 1000000L))
    for (golden <- goldens) {
      val article = Article.of(spec(golden))
      withClue(golden.toString.take(160)) {
        assert(article.text.length == golden.get("chars").asInt)
        assert(Golden.sha256(article.text) == golden.get("text").asText)
        assert(article.facts.size == golden.get("facts").asInt)
        assert(Golden.sha256(article.facts.asScala.map(line).mkString) == golden.get("fact_lines").asText)
        assert(article.finding.orElse("null") == golden.get("finding").asText)
        if (article.findingStart.isPresent) {
          assert(article.findingStart.getAsLong == golden.get("finding_start").asLong)
          assert(article.text.startsWith(article.finding.get, article.findingStart.getAsLong.toInt))
        }
      }
    }
  }

  test("whole articles, facts, questions and answers equal those of Python") {
    for (name <- Seq("full-1", "full-2")) {
      val golden = Golden.json(s"articles/$name.json")
      val article = Article.of(spec(golden))
      assert(article.text == golden.get("text").asText)
      assert(article.text.startsWith("Title: " + article.title + "\n\n"))
      val facts = golden.get("facts").asScala.toSeq
      assert(article.facts.size == facts.size && facts.size > 2)
      for ((fact, expected) <- article.facts.asScala.zip(facts)) {
        assert(fact.question == expected.get("question").asText)
        assert(fact.answer == expected.get("answer").asText)
        assert(fact.prompt == expected.get("prompt").asText)
        assert(fact.value == expected.get("value").asText)
        assert(fact.repeats == expected.get("repeats").asInt)
        val stated = article.text.substring(fact.start.toInt, fact.end.toInt)
        assert(stated.endsWith(fact.answer.substring(1)), "the offsets frame the stating sentence")
      }
    }
  }
}
