package org.longform.datasets.jats

import java.io.{ByteArrayInputStream, InputStream, IOException}
import java.nio.file.Files
import java.util.Random

import org.scalatest.funsuite.AnyFunSuite

class HostileArticleSuite extends AnyFunSuite {
  import JatsSamples._

  private def refusal(xml: String, limits: JatsLimits = JatsLimits.DEFAULT): String =
    intercept[MalformedArticleException](read(xml, limits)).getMessage

  test("malformed XML is refused with a sentence, line and column") {
    val error = intercept[MalformedArticleException](read("<article>\n  <body><p>cut</body></article>"))
    assert(
      error.getMessage ==
        "Cannot read article 'sample.xml': it is no well-formed XML: the element type \"p\" must be terminated by the " +
        "matching end-tag \"</p>\" (line 2, column 17). Correct the file or leave it out."
    )
    assert(error.line == 2 && error.column == 17)
    assert(
      refusal("<article><body>").contains("must start and end within the same entity (line 1, column 16)")
    )
    assert(refusal("").contains("premature end of file"))
    assert(refusal("just text").contains("(line 1, column 1)"))
    assert(refusal("<article/><article/>").contains("line 1"))
  }

  test("another kind of document is refused with the name of its root element") {
    assert(
      refusal("<?xml version='1.0'?>\n<html><body/></html>") ==
        "Cannot read article 'sample.xml': its root element is <html> and not <article> or <pmc-articleset> " +
        "(line 2, column 7). Correct the file or leave it out."
    )
  }

  test("an external entity is refused and its file is not read") {
    val secret = Files.createTempFile("secret", ".txt")
    try {
      Files.writeString(secret, "TOP-SECRET")
      val message = refusal(
        s"<!DOCTYPE article [<!ENTITY xxe SYSTEM '${secret.toUri}'>]><article><body><p>&xxe;</p></body></article>"
      )
      assert(
        message.contains("the entity 'xxe' is not a standard character and no DTD is read (line 1, column")
      )
      assert(!message.contains("TOP-SECRET"))
      val unread = read(
        s"<!DOCTYPE article [<!ENTITY % p SYSTEM '${secret.toUri}'> %p;]><article><body><p>x</p></body></article>"
      )
      assert(unread.bodyText == "x", "a parameter entity is passed over")
    } finally Files.delete(secret)
  }

  test("nested entities do not expand") {
    val bomb = new StringBuilder("<!DOCTYPE article [<!ENTITY lol0 'ha'>")
    for (i <- 1 to 30) bomb.append(s"<!ENTITY lol$i '${s"&lol${i - 1};" * 10}'>")
    assert(refusal(s"$bomb]><article><body><p>&lol30;</p></body></article>").contains("the entity 'lol30'"))
  }

  test("an unknown named character is refused and never dropped") {
    assert(refusal("<article><body><p>a &madeup; b</p></body></article>").contains("the entity 'madeup'"))
  }

  test("depth, length and text have limits, and all of a file within them is read") {
    val limits = new JatsLimits(2000, 20, 500)
    def nested(levels: Int) = s"<article><body>${"<sec>" * levels}x${"</sec>" * levels}</body></article>"
    assert(read(nested(18), limits).bodyText == "x")
    assert(refusal(nested(19), limits).contains("elements are nested too deep (more than 20 levels)"))
    def words(n: Int) = s"<article><body><p>${"x" * n}</p></body></article>"
    assert(read(words(500), limits).bodyText.length == 500)
    assert(refusal(words(501), limits).contains("its text is too long (more than 500 characters)"))
    assert(refusal(words(3000), limits).contains("the file is too long (more than 2000 bytes)"))
    val rows = "<tr/>" * 100
    val spanning =
      s"<article><body><table-wrap><table><tr><td rowspan='200'>${"y" * 50}</td></tr>$rows</table></table-wrap></body></article>"
    assert(refusal(spanning, limits).contains("its text is too long"))
    assert(
      intercept[IllegalArgumentException](new JatsLimits(0, 1, 1)).getMessage
        .startsWith("Cannot limit articles")
    )
  }

  test("a thousand levels, the most that can be allowed, are read and refused without exhausting the stack") {
    val deep = s"<article><body>${"<sec>" * 900}x${"</sec>" * 900}</body></article>"
    assert(read(deep, new JatsLimits(1 << 20, 1000, 1000)).bodyText == "x")
    val inline = s"<article><body><p>${"<sup>" * 5000}"
    assert(refusal(inline, new JatsLimits(1 << 20, 1000, 1000)).contains("nested too deep"))
  }

  test("bytes which are no text of the declared encoding are refused") {
    val latin = "<article><body><p>é</p></body></article>".getBytes("ISO-8859-1")
    val error =
      intercept[MalformedArticleException](new JatsReader().read(new ByteArrayInputStream(latin), "latin"))
    assert(
      error.getMessage.startsWith(
        "Cannot read article 'latin': bytes behind this place are no valid UTF-8 (line 1"
      )
    )
    assert(
      refusal("<?xml version='1.0' encoding='klingon'?><article/>").contains(
        "its encoding 'klingon' is unknown"
      )
    )
  }

  test("a failing disk is reported as itself and not as a malformed article") {
    val failing = new InputStream {
      override def read(): Int = throw new IOException("disk on fire")
    }
    val error = intercept[IOException](new JatsReader().read(failing, "x"))
    assert(!error.isInstanceOf[MalformedArticleException] && error.getMessage == "disk on fire")
  }

  test("damaged files give an article or a refusal, never another failure") {
    val seed = 20260101L
    val random = new Random(seed)
    val sound =
      ("<article><front><article-meta><article-id pub-id-type='doi'>10.1/x</article-id><title-group>" +
        "<article-title>T</article-title></title-group><pub-date><year>2001</year></pub-date></article-meta></front><body>" +
        "<sec><title>A</title><p>b<sup><xref ref-type='bibr'>1</xref></sup> &alpha; <inline-formula><tex-math>$x$</tex-math>" +
        "</inline-formula></p><table-wrap><table><tr><td rowspan='2' colspan='3'>c</td></tr><tr><td>d</td></tr></table>" +
        "</table-wrap></sec></body></article>").getBytes("UTF-8")
    var refused = 0
    for (_ <- 1 to 1000) {
      val damaged = sound.clone()
      for (_ <- 0 to random.nextInt(3))
        damaged(random.nextInt(damaged.length)) =
          "<>&;\"'/![]-9\u0000\u00ff".charAt(random.nextInt(14)).toByte
      val length = if (random.nextInt(4) == 0) random.nextInt(damaged.length) else damaged.length
      try new JatsReader().read(new ByteArrayInputStream(damaged, 0, length), s"seed $seed")
      catch { case _: MalformedArticleException => refused += 1 }
    }
    assert(refused > 300 && refused < 1000, s"seed $seed")
  }
}
