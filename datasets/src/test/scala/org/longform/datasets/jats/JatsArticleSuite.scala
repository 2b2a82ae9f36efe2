package org.longform.datasets.jats

import java.io.ByteArrayInputStream
import java.util.OptionalInt

import scala.collection.JavaConverters._

import org.scalatest.funsuite.AnyFunSuite

class JatsArticleSuite extends AnyFunSuite {
  import JatsSamples._

  private val jats = read("""<?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Archiving and Interchange DTD v1.1//EN" "JATS-archivearticle1.dtd">
    <article article-type="research-article" xmlns:xlink="http://www.w3.org/1999/xlink">
      <front>
        <journal-meta><journal-title-group><journal-title>Journal of Ponds</journal-title></journal-title-group></journal-meta>
        <article-meta>
          <article-id pub-id-type="publisher-id">pond-7</article-id>
          <article-id pub-id-type="doi">10.5555/pond.7</article-id>
          <title-group><article-title>Frogs &amp; <italic>Rana</italic> ponds<xref ref-type="fn" rid="f1">*</xref></article-title>
            <subtitle>a survey</subtitle></title-group>
          <contrib-group><contrib><name><surname>Nobody</surname></name></contrib></contrib-group>
          <pub-date pub-type="ppub"><month>2</month><year>2019</year></pub-date>
          <pub-date pub-type="epub"><year>2018</year></pub-date>
          <permissions><license xlink:href="https://creativecommons.org/licenses/by/4.0/"><license-p>Free to
            use.</license-p></license></permissions>
          <abstract><sec><title>Background</title><p>Ponds are wet.</p></sec><sec><title>Results</title><p>Frogs live.</p></sec></abstract>
          <abstract abstract-type="toc"><p>Short.</p></abstract>
          <abstract abstract-type="executive-summary"><title>Digest</title><p>Plain words.</p></abstract>
          <trans-abstract xml:lang="de"><p>Teiche.</p></trans-abstract>
        </article-meta>
      </front>
      <body>
        <p>Before any section.</p>
        <sec><label>1.</label><title>Introduction</title><p>We went.</p></sec>
        <sec><title>Methods</title>
          <sec><title>Nets</title><p>Blue nets.</p><sec><title>Mesh</title><p>Fine.</p></sec></sec>
          <p>Afterwards.</p>
        </sec>
      </body>
      <back>
        <ack><p>We thank the frogs.</p></ack>
        <app-group><app><title>Appendix A</title><p>More frogs.</p></app></app-group>
        <ref-list><title>References</title><ref id="r1"><mixed-citation>Nobody 1999 secret reference</mixed-citation></ref></ref-list>
      </back>
      <floats-group><fig><label>Figure 1</label><caption><title>A frog</title><p>Seen from above.</p></caption></fig></floats-group>
      <sub-article article-type="reply"><front-stub><article-id pub-id-type="doi">10.5555/pond.7.r</article-id>
        <title-group><article-title>Decision letter</article-title></title-group></front-stub>
        <body><p>Please count again.</p></body></sub-article>
    </article>""")

  test("the front matter gives ids, title, journal, earliest year and licence") {
    val expected = new JatsMetadata(
      "10.5555/pond.7",
      "10.5555/pond.7",
      "research-article",
      "Frogs & Rana ponds: a survey",
      "Journal of Ponds",
      OptionalInt.of(2018),
      "Free to use.",
      "https://creativecommons.org/licenses/by/4.0/"
    )
    assert(jats.metadata == expected)
    assert(jats.docId == "10.5555/pond.7" && jats.title == "Frogs & Rana ponds: a survey")
  }

  test("abstracts are kept by type, in order, apart from the text") {
    assert(
      jats.abstracts.asScala.toSeq == Seq(
        "main" -> "Background\n\nPonds are wet.\n\nResults\n\nFrogs live.",
        "toc" -> "Short.",
        "executive-summary" -> "Digest\n\nPlain words.",
        "translated-de" -> "Teiche."
      )
    )
    assert(jats.abstractText.startsWith("Background"))
    assert(!jats.readingText.contains("wet") && !jats.readingText.contains("Teiche"))
  }

  test("sections keep their paths, labels and the order of the file") {
    import JatsSection.Part._
    def section(part: JatsSection.Part, path: Seq[String], label: String, text: String) =
      new JatsSection(part, path.asJava, label, text)
    assert(
      jats.sections.asScala == Seq(
        section(BODY, Seq(), "", "Before any section."),
        section(BODY, Seq("Introduction"), "1.", "We went."),
        section(BODY, Seq("Methods"), "", ""),
        section(BODY, Seq("Methods", "Nets"), "", "Blue nets."),
        section(BODY, Seq("Methods", "Nets", "Mesh"), "", "Fine."),
        section(BODY, Seq("Methods"), "", "Afterwards."),
        section(BACK, Seq(""), "", "We thank the frogs."),
        section(BACK, Seq("Appendix A"), "", "More frogs."),
        section(FLOATS, Seq(), "", "Figure 1. A frog. Seen from above.")
      )
    )
    assert(jats.sections.get(1).heading == "1. Introduction" && jats.sections.get(0).title == "")
  }

  test("the reading text has title, body, floats and back matter, but no references and no decision letter") {
    assert(
      jats.readingText ==
        """Frogs & Rana ponds: a survey
        |Before any section.
        |1. Introduction
        |We went.
        |Methods
        |Nets
        |Blue nets.
        |Mesh
        |Fine.
        |Methods
        |Afterwards.
        |Figure 1. A frog. Seen from above.
        |We thank the frogs.
        |Appendix A
        |More frogs.""".stripMargin.replace("\n", "\n\n")
    )
    assert(jats.bodyText.startsWith("Before any section.") && jats.bodyText.endsWith("Seen from above."))
  }

  test("a sub-article is an article of its own") {
    val letter = jats.subArticles.get(0)
    assert(letter.title == "Decision letter" && letter.bodyText == "Please count again.")
    assert(letter.docId == "10.5555/pond.7.r" && letter.metadata.articleType == "reply")
  }

  test("NLM 2.3 files with unbound prefixes and Latin-1 bytes are read") {
    val nlm = """<?xml version="1.0" encoding="ISO-8859-1"?>
      <!DOCTYPE article PUBLIC "-//NLM//DTD Journal Archiving and Interchange DTD v2.3 20070202//EN" "archivearticle.dtd">
      <article article-type="letter"><front><journal-meta><journal-title>Acta Étang</journal-title></journal-meta>
      <article-meta><article-id pub-id-type="pmid">12</article-id><title-group><article-title>Mare</article-title></title-group>
      <pub-date><year>1998</year></pub-date><license><p>Open.</p></license></article-meta></front>
      <body><sec><title>Data</title><p>See <ext-link xlink:href="http://x.test">x.test</ext-link> and
      <mml:math><mml:mi>x</mml:mi></mml:math>.</p></sec></body>
      <floats-wrap><table-wrap><label>Table 1</label><table><tr><td>a</td></tr></table></table-wrap></floats-wrap></article>"""
    val article = new JatsReader().read(new ByteArrayInputStream(nlm.getBytes("ISO-8859-1")), "nlm.xml")
    assert(article.metadata.journal == "Acta Étang" && article.docId == "12")
    assert(article.metadata.licence == "Open." && article.metadata.year.getAsInt == 1998)
    assert(article.bodyText == "Data\n\nSee x.test and x.\n\nTable 1\na")
  }

  test("UTF-16 files and byte order marks are read") {
    val xml = "<article><body><p>Größe</p></body></article>"
    for (bytes <- Seq(xml.getBytes("UTF-16"), xml.getBytes("UTF-16LE"), ("\ufeff" + xml).getBytes("UTF-8"))) {
      assert(new JatsReader().read(new ByteArrayInputStream(bytes), "x").bodyText == "Größe")
    }
  }

  test("an article set gives its articles one by one, and one article when one is expected") {
    def article(id: String) =
      s"<article><front><article-meta><article-id pub-id-type='pmc'>$id</article-id>" +
        s"</article-meta></front><body><p>Text $id.</p></body></article>"
    val set = s"<pmc-articleset><Reply>none</Reply>${article("1")}${article("2")}</pmc-articleset>"
    var seen = Seq.empty[String]
    new JatsReader().readAll(
      new ByteArrayInputStream(set.getBytes("UTF-8")),
      "set.xml",
      a => seen :+= a.docId
    )
    assert(seen == Seq("1", "2"))
    assert(read(s"<pmc-articleset>${article("3")}</pmc-articleset>").docId == "3")
    assert(
      intercept[MalformedArticleException](read(set)).getMessage
        .contains("it holds 2 articles and one is expected")
    )
  }

  test("an article without ids is named after its source") {
    val article = read("<article><body><p>x</p></body></article>")
    assert(
      article.docId == "sample.xml" && article.metadata.year == OptionalInt.empty && article.abstractText == ""
    )
  }
}
