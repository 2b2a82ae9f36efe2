package org.longform.spark.compare

import org.scalatest.funsuite.AnyFunSuite

class MarkupSuite extends AnyFunSuite {
  test("text and attribute values cannot end what they stand in") {
    val written = new Markup().leaf("p", "<b a='x'>&amp;", "title", "\"><script>").toString
    assert(
      written == "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;b a=&#39;x&#39;&gt;&amp;amp;</p>\n"
    )
  }

  test("what XML forbids, controls and turns of direction are replaced, other characters stay") {
    val half = 0xd800.toChar // of a character
    assert(Markup.escaped(s"a\u0000\u001b[1m${half}b\ufffe\u202ec\u0085") == "a��[1m�b��c�")
    assert(Markup.escaped("Ünï ½ 漢\ud83d\ude00\t\n") == "Ünï ½ 漢\ud83d\ude00\t\n")
  }

  test("numbers are written with a point wherever the page is made") {
    val before = java.util.Locale.getDefault
    java.util.Locale.setDefault(java.util.Locale.GERMANY)
    try assert(new Markup().empty("rect", "x", Double.box(1234.56)).toString == "<rect x=\"1234.6\"/>\n")
    finally java.util.Locale.setDefault(before)
  }

  test("what is not closed is not written") {
    intercept[IllegalStateException](new Markup().open("p").toString)
  }
}
