package org.longform.datasets.jats

import java.io.ByteArrayInputStream
import java.nio.charset.StandardCharsets.UTF_8

/** Reads articles written in the tests. */
object JatsSamples {

  def read(xml: String, limits: JatsLimits = JatsLimits.DEFAULT): JatsArticle =
    new JatsReader(limits).read(new ByteArrayInputStream(xml.getBytes(UTF_8)), "sample.xml")

  /** The text of a body of these paragraphs. */
  def body(content: String): String = read(s"<article><body>$content</body></article>").bodyText
}
