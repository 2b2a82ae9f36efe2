package org.longform.datasets.jats

import org.scalatest.funsuite.AnyFunSuite

class JatsTextSuite extends AnyFunSuite {
  import JatsSamples.body

  test("white space collapses, also thin and non-breaking spaces, and paragraphs are blocks") {
    assert(
      body("<p>one\n   two&#160;three&#8201;four</p> <p> five <bold>s</bold>ix</p>") ==
        "one two three four\n\nfive six"
    )
  }

  test("reference marks become bracketed numbers whichever way they are raised") {
    assert(
      body(
        "<p>Seen<sup><xref ref-type='bibr'>1</xref>,<xref ref-type='bibr'>2</xref></sup>.</p>"
      ) == "Seen [1,2]."
    )
    assert(body("<p>Seen<xref ref-type='bibr'><sup>3</sup></xref> and</p>") == "Seen [3] and")
    assert(
      body("<p>Seen [<xref ref-type='bibr'>4</xref>], by <xref ref-type='bibr'>Kay 1999</xref></p>") ==
        "Seen [4], by Kay 1999"
    )
    assert(body("<p>In <xref ref-type='fig'>Figure 2</xref></p>") == "In Figure 2")
  }

  test("raised and lowered characters keep their meaning") {
    assert(
      body("<p>10<sup>6</sup> m<sup>−2</sup>, H<sub>2</sub>O, the 1<sup>st</sup></p>") ==
        "10^6 m^−2, H2O, the 1st"
    )
  }

  test("named characters of absent DTDs are read, in text and beside numeric ones") {
    assert(
      body(
        "<p>a&nbsp;b &alpha;-helix &lsqb;1&rsqb; stra&szlig;e &#945;&lt;&amp;</p>"
      ) == "a b α-helix [1] straße α<&"
    )
  }

  test("a table is lines of cells in their columns, between its caption and its notes") {
    val table = """<p>Before <xref ref-type="table">Table 1</xref>.</p><table-wrap><label>Table 1</label>
      <caption><title>Counts</title><p>Two ponds</p></caption>
      <alternatives><graphic xlink:href="t1"/><table><colgroup><col/></colgroup>
      <thead><tr><th rowspan="2">Pond</th><th colspan="2">Frogs</th></tr><tr><th>red</th><th>green</th></tr></thead>
      <tbody><tr><td>North</td><td>1<sup>a</sup></td><td>2</td></tr><tr><td/><td/><td/></tr>
      <tr><td><p>South</p><p>side</p></td><td colspan="9999999999">3</td></tr></tbody></table></alternatives>
      <table-wrap-foot><fn><label>a</label><p>Once.</p></fn><fn><p>Twice.</p></fn></table-wrap-foot></table-wrap>
      <p>After.</p>"""
    assert(
      body(table) ==
        """Before Table 1.
        |
        |Table 1. Counts. Two ponds
        |Pond | Frogs |
        |Pond | red | green
        |North | 1a | 2
        |South side | 3
        |a Once.
        |Twice.
        |
        |After.""".stripMargin
    )
  }

  test("CALS tables are read as well") {
    assert(
      body(
        "<table-wrap><tgroup><colspec/><tbody><row><entry>a</entry><entry>b</entry></row></tbody></tgroup></table-wrap>"
      ) ==
        "a | b"
    )
  }

  test("a formula is TeX without its document, or else MathML spelled out, never both") {
    val mathml =
      "<mml:math><mml:mfrac><mml:mrow><mml:mi>a</mml:mi><mml:mo>+</mml:mo><mml:mi>b</mml:mi></mml:mrow>" +
        "<mml:msup><mml:mi>c</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:mfrac><mml:annotation>again</mml:annotation></mml:math>"
    val tex =
      "<tex-math>\\documentclass{minimal}\n\\begin{document}\n$$\\frac{a+b}{c^2}$$\n\\end{document}</tex-math>"
    assert(body(s"<p>Let <inline-formula>$mathml</inline-formula> be.</p>") == "Let (a+b)/(c^2) be.")
    assert(
      body(
        s"<p>Let <inline-formula><alternatives>$tex$mathml<graphic/></alternatives></inline-formula> be.</p>"
      ) ==
        "Let \\frac{a+b}{c^2} be."
    )
    assert(
      body(s"<p>So<disp-formula><label>(1)</label>$tex</disp-formula>holds.</p>") ==
        "So\n\n\\frac{a+b}{c^2} (1)\n\nholds."
    )
    assert(body("<p><inline-formula><italic>n</italic> = 3</inline-formula></p>") == "n = 3")
    val spelled =
      "<p><math><msqrt><mi>x</mi></msqrt><msubsup><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>0</mn></mrow>" +
        "<mi>n</mi></msubsup><mtable><mtr><mtd>1</mtd><mtd>2</mtd></mtr><mtr><mtd>3</mtd><mtd>4</mtd></mtr></mtable></math></p>"
    assert(body(spelled) == "sqrt(x)∑_(i=0)^n1, 2; 3, 4")
  }

  test("boxes, lists, definitions, quotes, code and notes are read in their place") {
    assert(
      body(
        "<p>Start.</p><boxed-text><label>Box 1</label><caption><title>Rules</title></caption>" +
          "<sec><title>First</title><p>Do.</p></sec></boxed-text>"
      ) == "Start.\n\nBox 1. Rules\n\nFirst\n\nDo."
    )
    assert(
      body(
        "<list><list-item><p>red</p></list-item><list-item><label>(b)</label><p>blue</p></list-item></list>"
      ) ==
        "- red\n(b) blue"
    )
    assert(
      body(
        "<def-list><title>Terms</title><def-item><term>CFS</term><def><p>a disease</p></def></def-item></def-list>"
      ) ==
        "Terms\n\nCFS: a disease"
    )
    assert(body("<p>He said<disp-quote><p>No.</p></disp-quote>twice.</p>") == "He said\n\nNo.\n\ntwice.")
    assert(body("<p>Run<preformat>  a\n    b\n</preformat>now.</p>") == "Run\n  a\n    b\nnow.")
    assert(body("<p>Frogs<fn><p>Green ones.</p></fn> jump.</p>") == "Frogs (Green ones.) jump.")
  }

  test("figures and supplements give label and caption, and pictures nothing") {
    assert(
      body(
        "<fig><object-id>x</object-id><label>Figure 1</label><caption><title>Growth.</title><p>Mean.</p></caption>" +
          "<graphic><alt-text>y</alt-text></graphic></fig>"
      ) == "Figure 1. Growth. Mean."
    )
    assert(
      body(
        "<sec><title>Supporting Information</title><supplementary-material><label>Text S1</label>" +
          "<caption><p>Details.</p></caption></supplementary-material></sec>"
      ) ==
        "Supporting Information\n\nText S1. Details."
    )
  }
}
