package org.longform.bench.table

import com.fasterxml.jackson.databind.ObjectMapper
import org.scalatest.funsuite.AnyFunSuite

import java.util

class ReportSuite extends AnyFunSuite {
  private def peers(values: (String, Double)*): util.Map[String, java.lang.Double] = {
    val map = new util.LinkedHashMap[String, java.lang.Double]()
    values.foreach { case (name, value) => map.put(name, value) }
    map
  }

  private def against(ours: Double, target: Target): Figure =
    Figure.against("prefill", "tokens/s", ours, peers("a" -> 50.0, "b" -> 100.0), target, "why")

  test("the value is ours over the fastest peer's") {
    assert(against(130, Target.ratio(1.3, 2.0)).value == 1.3)
  }

  test("a figure reaches its aim, what it must, or neither") {
    assert(against(200, Target.ratio(1.3, 2.0)).mark == "aim")
    assert(against(130, Target.ratio(1.3, 2.0)).mark == "yes")
    assert(against(129, Target.ratio(1.3, 2.0)).mark == "no")
    assert(against(129, Target.ratio(Double.NaN, 2.0)).mark == "")
  }

  test("of a change less is better") {
    assert(Target.change(0.05).mark(0.04) == "yes")
    assert(Target.change(0.05).mark(0.06) == "no")
  }

  test("without a peer there is no value and no mark") {
    val figure = Figure.against("prefill", "tokens/s", 100, peers(), Target.ratio(1, 2), "")
    assert(figure.value.isNaN)
    assert(figure.mark == "")
  }

  test("text, Markdown and JSON tell the same") {
    val report = new Report
    report.fact("some machine")
    report.fact("some machine")
    report.add(against(130, Target.ratio(1.3, 2.0)))
    assert(report.text.startsWith("some machine\n\n"))
    assert(report.text.contains("prefill  130 tokens/s  a 50.0, b 100  1.30 ×  1.30 ×  2.00 ×  yes"))
    assert(report.text.contains("prefill: why"))
    assert(
      report.markdown.contains(
        "| prefill | 130 tokens/s | a 50.0, b 100 | 1.30 × | 1.30 × | 2.00 × | yes | why |"
      )
    )
    val figure = new ObjectMapper().readTree(report.json).path("figures").get(0)
    assert(figure.path("ours").asDouble == 130 && figure.path("peers").path("b").asDouble == 100)
    assert(figure.path("reached").asText == "yes")
  }

  test("what was not measured is left out of JSON") {
    val report = new Report
    report.add(Figure.plain("x", "s", Double.NaN, ""))
    assert(!new ObjectMapper().readTree(report.json).path("figures").get(0).has("ours"))
  }
}
