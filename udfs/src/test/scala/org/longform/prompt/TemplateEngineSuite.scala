package org.longform.prompt

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.scalatest.funsuite.AnyFunSuite

import java.time.{Clock, Instant, ZoneOffset}
import java.util.{HashMap => JavaMap}
import scala.collection.JavaConverters._

class TemplateEngineSuite extends AnyFunSuite {
  private val clock = Clock.fixed(Instant.parse("2026-03-07T15:04:05Z"), ZoneOffset.UTC)
  private val json = new ObjectMapper
  // rendered by Jinja2 3.1 with the settings of Transformers
  private val golden: Seq[JsonNode] =
    json.readTree(getClass.getResource("/chat-templates.json")).asScala.toSeq

  private def render(template: String, messages: AnyRef = new java.util.ArrayList[AnyRef]): String = {
    val variables = new JavaMap[String, AnyRef]
    variables.put("messages", messages)
    variables.put("bos_token", "<s>")
    variables.put("eos_token", "</s>")
    variables.put("add_generation_prompt", java.lang.Boolean.TRUE)
    new TemplateEngine(clock).render(template, variables)
  }

  private def failure(template: String): String =
    withClue(template.take(80))(intercept[TemplateFailure](render(template)).getMessage)

  for ((name, cases) <- golden.groupBy(_.get("name").asText).toSeq.sortBy(_._1))
    test(s"renders as Jinja2 does: $name") {
      assert(cases.size == 3)
      cases.foreach { each =>
        val messages =
          json.convertValue(each.get("messages"), classOf[java.util.ArrayList[AnyRef]])
        val template = each.get("template").asText
        if (each.has("expected"))
          assert(render(template, messages) == each.get("expected").asText)
        else {
          val error = intercept[TemplateFailure](render(template, messages)).getMessage
          assert(error.contains(each.get("error").asText), error)
        }
      }
    }

  test("the time is written in Python's notation") {
    assert(
      render("{{ strftime_now('%d %b %Y %H:%M:%S %A %a %B %y %m %j %I%p 100%%') }}") ==
        "07 Mar 2026 15:04:05 Saturday Sat March 26 03 066 03PM 100%"
    )
    assert(failure("{{ strftime_now('%Q') }}").contains("strftime_now does not know '%Q'"))
  }

  test("a template's own refusal is told in its words") {
    assert(failure("{{ raise_exception('only two roles') }}").contains("('only two roles')"))
  }

  test("broken templates, unknown functions and filters fail with a reason") {
    assert(failure("{% if x %}").contains("Missing end tag"))
    assert(failure("{{ nothing(3) }}").contains("nothing"))
    assert(failure("{{ 'a' | no_such_filter }}").contains("the filter 'no_such_filter'"))
    assert(failure("{% for i in [] %}a{% else %}b{% endfor %}").contains("'else' in a 'for'"))
    assert(failure("{{ 'a'.no_such_method() }}").contains("no_such_method"))
    assert(failure("{% whatever %}").contains("whatever"))
    assert(failure("{{ 1 + }}").nonEmpty)
  }

  test("templates reach neither classes nor files") {
    Seq(
      "{{ ''.getClass().getName() }}",
      "{{ messages.getClass() }}",
      "{% include 'META-INF/MANIFEST.MF' %}",
      "{% import 'META-INF/MANIFEST.MF' as m %}",
      "{% from 'META-INF/MANIFEST.MF' import m %}",
      "{% extends 'META-INF/MANIFEST.MF' %}"
    ).foreach(template => assert(failure(template).nonEmpty, template))
    Seq(
      "{{ ''.class }}",
      "{{ ____int3rpr3t3r____.context }}",
      "{{ ____int3rpr3t3r____.config }}",
      "{{ messages.class.name }}"
    ).foreach { template =>
      assert(render(template) == "", template)
    }
  }

  test("work, depth and size are limited") {
    val loops = "{% for i in range(9999) %}{% for k in range(9999) %}x{% endfor %}{% endfor %}"
    val started = System.nanoTime
    assert(failure(loops).contains("steps"))
    assert(System.nanoTime - started < 20000000000L)
    assert(failure("{% for i in range(90000) %}{{ 'x' * 9 }}{% endfor %}").nonEmpty)
    val doubling = "{% set ns = namespace(t='xxxxxxxx') %}{% for i in range(40) %}" +
      "{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}"
    assert(failure(doubling).nonEmpty)
    assert(failure("{{ " + "-" * 20000 + "1 }}").nonEmpty)
    assert(failure("{{ " + "(" * 20000 + "1" + ")" * 20000 + " }}").nonEmpty)
    assert(failure("{% if true %}" * 20000 + "{% endif %}" * 20000).nonEmpty)
    assert(failure("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").nonEmpty)
    assert(failure("{{ messages | tojson(indent=100000000) }}").contains("tojson indents"))
  }
}
