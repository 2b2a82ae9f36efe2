package org.longform.spark.compare

import java.io.StringReader
import javax.xml.parsers.DocumentBuilderFactory

import org.longform.kernels.error.ErrorClass
import org.longform.read.AnswerError
import org.longform.spark.compare.ComparisonFixture._
import org.longform.spark.compare.PositionScores.Bucket
import org.scalatest.funsuite.AnyFunSuite
import org.w3c.dom.{Document, Element}
import org.xml.sax.InputSource

import scala.collection.JavaConverters._

/** The page, the charts and the text for a terminal. */
class ComparisonReportSuite extends AnyFunSuite {
  private val attack =
    "\"'><script src=\"https://evil.example/x.js\">alert(1)</script><!-- ]]> &amp; \u0000\u001b[2J"

  private def cells(strategy: String) = Seq(
    answers(strategy, 512, Seq(question("yes", 0.0), question("no", 1.0))),
    answers(strategy, 1024, Seq(question(attack, 0.0), question("yes", 1.0)), attack),
    perplexity(strategy, 512, new Bucket(0, 64, 60, 120), new Bucket(64, 128, 64, 64)),
    perplexity(strategy, 1024, new Bucket(0, 64, 60, 130), new Bucket(64, 128, 64, 70))
  )

  private def report(strategies: Seq[String], more: Cell*): ComparisonReport =
    new ComparisonReport(comparison(strategies, strategies.flatMap(cells) ++ more))

  private def page(of: ComparisonReport): String = of.files().get(ComparisonReport.PAGE)

  private def parsed(text: String): Document = {
    val factory = DocumentBuilderFactory.newInstance()
    factory.setNamespaceAware(true)
    factory.setFeature("http://xml.org/sax/features/external-general-entities", false)
    factory.newDocumentBuilder().parse(new InputSource(new StringReader(text)))
  }

  private def elements(of: Document, name: String = "*"): Seq[Element] = {
    val found = of.getElementsByTagNameNS("*", name)
    (0 until found.getLength).map(i => found.item(i).asInstanceOf[Element])
  }

  private def attributes(of: Element): Seq[(String, String)] =
    (0 until of.getAttributes.getLength).map { i =>
      val each = of.getAttributes.item(i)
      each.getNodeName -> each.getNodeValue
    }

  test("the page and every chart are well-formed") {
    val files = report(Seq("full", "lm-infinite")).files().asScala
    assert(files.keySet.count(_.endsWith(".svg")) == 5)
    files.foreach { case (name, text) => assert(elements(parsed(text)).size > 20, name) }
  }

  test("nothing is loaded from anywhere and nothing runs") {
    val namespaces = Set("http://www.w3.org/2000/svg", "http://www.w3.org/2000/xmlns/")
    report(Seq("full", attack)).files().asScala.foreach { case (name, text) =>
      val document = parsed(text)
      val forbidden = Set("script", "link", "img", "image", "iframe", "object", "embed", "use", "a", "base")
      elements(document).foreach { element =>
        assert(!forbidden(element.getLocalName), name)
        attributes(element).foreach { case (attribute, value) =>
          assert(!attribute.startsWith("on") && !attribute.endsWith("href") && attribute != "src", name)
          val plain = attribute.startsWith("xmlns") || attribute == "aria-label"
          assert(plain || !value.contains("://"), s"$name: $attribute=$value")
          if (attribute.startsWith("xmlns")) assert(namespaces(value))
        }
      }
      elements(document, "style").foreach { style =>
        val css = style.getTextContent
        assert(!css.contains("url(") && !css.contains("@import") && !css.contains("//"))
        assert(!css.exists("<>&\"'".contains(_)), "HTML and XML would read the style sheet differently")
      }
    }
    assert(page(report(Seq("full"))).contains("content=\"default-src &#39;none&#39;; style-src"))
  }

  test("hostile names, answers and errors are shown as they are written and nothing else") {
    val broken = new AnswerError(ErrorClass.INTERNAL, "Cannot read it: " + attack)
    val hostile = report(
      Seq("full", attack),
      answers("full", 1024, Seq(question(null)), attack, broken)
    )
    val text = page(hostile)
    assert(!text.contains("<script") && !text.contains("\u0000") && !text.contains("\u001b"))
    val shown = elements(parsed(text), "td").map(_.getTextContent)
    val visible = attack.replaceAll("[\u0000\u001b]", "\ufffd")
    assert(shown.contains(visible), "the strategy")
    assert(shown.contains("Cannot read it: " + visible), "the error")
    assert(!hostile.text().contains("\u001b") && !hostile.text().contains("\u0000"))
  }

  test("a heat map has a cell for each strategy and length, with the share as shade and number") {
    val chart = parsed(report(Seq("full", "lm-infinite")).files().get("charts/answers-by-length.svg"))
    val cells = elements(chart, "rect").filterNot(_.getAttribute("class") == "back")
    assert(cells.size == 2 * 2)
    assert(cells.map(_.getAttribute("class")).toSet == Set("h5"))
    assert(elements(chart, "text").count(_.getTextContent == "50 %") == 4)
  }

  test("each strategy has a map by depth and length, and its numbers are in the table beside") {
    val document = parsed(page(report(Seq("full", "lm-infinite"))))
    val titles = elements(document, "svg").map(_.getAttribute("aria-label"))
    assert(Seq("full", "lm-infinite").forall(titles.contains(_)))
    val rows =
      elements(document, "tr").map(row => elements(document, "tr").indexOf(row) -> row.getTextContent)
    assert(rows.exists(_._2.trim.split("\\s+").mkString(" ").startsWith("full 0 % 100 % of 1")))
  }

  test("lines lie within their charts, and the higher value is drawn higher") {
    val chart = parsed(report(Seq("full")).files().get("charts/perplexity-by-position.svg"))
    val svg = chart.getDocumentElement
    val line = elements(chart, "path").find(_.getAttribute("class").startsWith("line")).get
    val points = "([ML]) ?([0-9.]+) ([0-9.]+)".r
      .findAllMatchIn(line.getAttribute("d"))
      .map(m => m.group(2).toDouble -> m.group(3).toDouble)
      .toSeq
    assert(points.size == 2)
    points.foreach { case (x, y) =>
      assert(
        x > 0 && x < svg.getAttribute("width").toDouble && y > 0 && y < svg.getAttribute("height").toDouble
      )
    }
    assert(points.head._1 < points(1)._1 && points.head._2 < points(1)._2, "perplexity falls to the right")
  }

  test(
    "a strategy that failed everywhere stands in the page with its error, and the others with their numbers"
  ) {
    val failed = answers("reattention", 512, Seq(question(null, 0.0)), "d", failure)
    val all = new ComparisonReport(comparison(Seq("full", "reattention"), cells("full") :+ failed))
    val document = parsed(page(all))
    assert(elements(document, "td").exists(_.getTextContent == failure.message()))
    assert(elements(document, "text").exists(_.getTextContent == "error"))
    assert(elements(document, "text").exists(_.getTextContent == "50 %"))
    assert(all.text().contains("reattention, d, answers: " + failure.message()))
  }

  test("a reason that several readings have is told once, with how many and whose") {
    def failed(strategy: String, document: String, why: String) =
      answers(strategy, 512, Seq(question(null)), document, new AnswerError(ErrorClass.INTERNAL, why))
    val all = report(
      Seq("full", "clex"),
      failed("clex", "a", "Cannot use clex."),
      failed("full", "b", "Cannot read b."),
      failed("clex", "b", "Cannot read b."),
      failed("clex", "c", "Cannot use clex."),
      failed("full", "c", "Cannot hold c.")
    )
    val told = all.text().linesIterator.filter(_.contains("Cannot")).toSeq
    assert(
      told == Seq(
        "clex, 2 readings: Cannot use clex.",
        "2 strategies, 2 readings: Cannot read b.",
        "full, c, answers: Cannot hold c."
      )
    )
    val shown = elements(parsed(page(all)), "td").map(_.getTextContent)
    assert(shown.containsSlice(Seq("full, clex", "2 readings", "Cannot read b.")))
    assert(shown.count(_ == "Cannot use clex.") == 1)
  }

  test("of very many reasons a terminal shows the first and says how many there are") {
    val many = (1 to 30).map { i =>
      answers("full", 512, Seq(question(null)), s"d$i", new AnswerError(ErrorClass.INTERNAL, s"Cannot $i."))
    }
    val told = new ComparisonReport(comparison(Seq("full"), many)).text().linesIterator.toSeq.drop(2)
    assert(told.size == 21 && told.last == "10 more reasons stand in the table of results.")
  }

  test("without questions there are no maps of answers, and without scores no perplexity") {
    val scored = new ComparisonReport(
      comparison(Seq("full"), Seq(perplexity("full", 512, new Bucket(0, 64, 60, 120))))
    )
    assert(!scored.files().containsKey("charts/answers-by-length.svg"))
    assert(!page(scored).contains("Right answers by length"))
    val asked = new ComparisonReport(comparison(Seq("full"), Seq(answers("full", 512, Seq(question("yes"))))))
    assert(!asked.files().containsKey("charts/perplexity-by-position.svg"))
    assert(elements(parsed(page(asked))).nonEmpty)
  }

  test("more strategies than colours differ by their dashes") {
    val many = (1 to Style.COLOURS + 2).map(i => s"strategy-$i")
    val chart = parsed(report(many).files().get("charts/time-by-length.svg"))
    val classes = elements(chart, "path").map(_.getAttribute("class")).filter(_.startsWith("line"))
    assert(classes.size == many.size && classes.distinct.size == many.size)
  }

  test("the text has a line for each strategy and length") {
    val lines = report(Seq("full", "lm-infinite")).text().linesIterator.toSeq
    assert(lines.size == 1 + 2 * 2)
    assert(
      lines.head.trim.split(" {2,}").toSeq.take(4) == Seq("strategy", "tokens", "right answers", "perplexity")
    )
    assert(lines(1).trim.split(" {2,}").toSeq.take(3) == Seq("full", "512", "50 % of 2"))
  }
}
