package org.longform.datasets.tasks

import java.io.{ByteArrayOutputStream, OutputStream}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.longform.datasets.articles.{Article, ArticleSpec, FindingPlace}
import org.scalatest.funsuite.AnyFunSuite

class CorpusGeneratorSuite extends AnyFunSuite {

  private val lengths = Seq(300L, 5000L)

  private def write(request: CorpusRequest): String = {
    val out = new ByteArrayOutputStream
    CorpusGenerator.write(request, out)
    out.toString("UTF-8")
  }

  private def corpus(request: CorpusRequest): Seq[JsonNode] =
    write(request).split('\n').toSeq.map(new ObjectMapper().readTree(_))

  test("a corpus has one JSON line for each article, with questions its text answers") {
    val lines = corpus(CorpusRequest.of("corpus", lengths.map(Long.box).asJava, 3))
    assert(
      lines.map(_.get("doc_id").asText) ==
        lengths.flatMap(length => (0 until 3).map(i => s"corpus-$length-$i"))
    )
    for (line <- lines) {
      val text = line.get("text").asText
      val same =
        Article.of(ArticleSpec.of(line.get("doc_id").asText, line.get("length_tokens_target").asLong))
      assert(text == same.text && line.get("title").asText == same.title)
      assert(line.get("summary").asText == same.finding.get && text.contains(same.finding.get))
      val questions = line.get("questions").asScala.toSeq
      assert(questions.nonEmpty && questions.map(_.get("question").asText).distinct.size == questions.size)
      for (q <- questions) {
        val (start, end) = (q.get("start").asInt, q.get("end").asInt)
        assert(text.substring(start, end).endsWith(q.get("answer").asText.substring(1)))
        assert(math.abs(q.get("depth").asDouble - start.toDouble / text.length) < 1e-12)
      }
    }
    val deep = lines.last.get("questions").asScala.map(_.get("depth").asDouble).toSeq
    assert(
      deep.zip(Seq(0, 0.25, 0.5, 0.75, 1)).forall { case (is, wished) => math.abs(is - wished) < 0.12 },
      deep
    )
  }

  test("the lines end with a line feed and are the same for the same request") {
    val request = CorpusRequest.of("again", Seq(Long.box(200L)).asJava, 2)
    val text = write(request)
    assert(text.endsWith("}\n") && text.count(_ == '\n') == 2)
    assert(write(request) == text)
  }

  test("an article without a main finding has the summary null") {
    val request =
      new CorpusRequest("none", Seq(Long.box(300L)).asJava, 1, Seq(Double.box(0.5)).asJava, FindingPlace.NONE)
    assert(corpus(request).head.get("summary").isNull)
  }

  test("a text of three million tokens is written piece by piece") {
    var bytes = 0L
    var largest = 0
    val counting = new OutputStream {
      override def write(b: Int): Unit = bytes += 1
      override def write(b: Array[Byte], offset: Int, length: Int): Unit = {
        bytes += length
        largest = math.max(largest, length)
      }
    }
    CorpusGenerator.write(CorpusRequest.of("huge", Seq(Long.box(3000000L)).asJava, 1), counting)
    assert(bytes > 12600000L && largest < 100000, s"$bytes bytes, at most $largest at once")
  }
}
