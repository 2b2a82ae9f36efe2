package org.longform.prompt.jinja

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.scalatest.funsuite.AnyFunSuite

import java.time.{Clock, Instant, ZoneOffset}
import java.util.{Map => JavaMap}
import scala.collection.JavaConverters._

class TemplateEngineSuite extends AnyFunSuite {
  private val clock = Clock.fixed(Instant.parse("2026-03-07T15:04:05Z"), ZoneOffset.UTC)
  private val json = new ObjectMapper

  // rendered by Jinja2 3.1 with the settings of Transformers, see render.py beside them
  private def golden(name: String): Seq[JsonNode] = {
    val in = getClass.getResourceAsStream(s"/chat-templates/$name")
    try json.readTree(in).asScala.toSeq
    finally in.close()
  }

  private def variables(pairs: (String, AnyRef)*): JavaMap[String, AnyRef] = {
    val all = new java.util.HashMap[String, AnyRef]
    all.put("messages", new java.util.ArrayList[AnyRef])
    all.put("bos_token", "<s>")
    all.put("eos_token", "</s>")
    all.put("add_generation_prompt", java.lang.Boolean.TRUE)
    pairs.foreach { case (name, value) => all.put(name, value) }
    all
  }

  private def render(template: String, pairs: (String, AnyRef)*): String =
    new TemplateEngine(clock).render(template, variables(pairs: _*))

  private def failure(template: String, pairs: (String, AnyRef)*): String =
    withClue(template.take(80))(intercept[TemplateFailure](render(template, pairs: _*)).getMessage)

  private def plain(node: JsonNode): AnyRef = json.convertValue(node, classOf[AnyRef])

  /** Renders as the golden case says, or fails where Jinja2 fails. */
  private def check(template: String, each: JsonNode, given: JavaMap[String, AnyRef]): Unit = {
    def rendered: String = new TemplateEngine(clock).render(template, given)
    if (each.has("expected")) assert(rendered == each.get("expected").asText)
    else if (each.has("refused")) {
      val refusal = intercept[Refusal](rendered).getMessage
      assert(refusal.startsWith("it refuses the messages ('" + each.get("refused").asText.take(60)))
    } else {
      val failure = intercept[TemplateFailure](rendered)
      assert(!failure.isInstanceOf[Refusal])
    }
  }

  for ((name, cases) <- golden("forms.json").groupBy(_.get("name").asText).toSeq.sortBy(_._1))
    test(s"renders as Jinja2 does: $name") {
      assert(cases.size == 3)
      cases.foreach { each =>
        val template = each.get("template").asText
        val messages = "messages" -> plain(each.get("messages"))
        if (each.has("expected")) assert(render(template, messages) == each.get("expected").asText)
        else {
          val error = failure(template, messages)
          assert(error.contains(each.get("error").asText), error)
        }
      }
    }

  for ((name, cases) <- golden("golden.json").groupBy(_.get("template").asText).toSeq.sortBy(_._1))
    test(s"renders as Jinja2 does, with tools, thoughts and refusals: the template of $name") {
      assert(cases.size == 20)
      val stream = getClass.getResourceAsStream(s"/chat-templates/$name.jinja")
      val template = new String(stream.readAllBytes(), "UTF-8")
      assert(TemplateEngine.unsupported(template).isEmpty)
      cases.foreach { each =>
        withClue(each.get("case").asText + ": ") {
          check(template, each, plain(each.get("variables")).asInstanceOf[JavaMap[String, AnyRef]])
        }
      }
    }

  test("every construct means what it means in Jinja2") {
    val cases = golden("constructs.json")
    assert(cases.size > 40)
    val messages = plain(
      json.readTree("""[{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]""")
    )
    cases.foreach { each =>
      val template = each.get("template").asText
      withClue(template + ": ")(check(template, each, variables("messages" -> messages)))
    }
  }

  test("the time is written in Python's notation") {
    assert(
      render("{{ strftime_now('%d %b %Y %H:%M:%S %A %a %B %y %m %j %I%p 100%% %-m') }}") ==
        "07 Mar 2026 15:04:05 Saturday Sat March 26 03 066 03PM 100% 3"
    )
    assert(failure("{{ strftime_now('%Q') }}").contains("strftime_now does not know '%Q'"))
  }

  test("a template's own refusal is told in its words") {
    assert(failure("{{ raise_exception('only two roles') }}").contains("('only two roles')"))
  }

  test("broken templates, unknown functions and filters fail with a reason") {
    assert(failure("{% if x %}").contains("Missing end tag"))
    assert(failure("{% if x %}{% endfor %}").nonEmpty)
    assert(failure("{% endif %}").nonEmpty)
    assert(failure("{% else %}").nonEmpty)
    assert(failure("{% break %}").contains("outside of one"))
    assert(failure("{{ nothing(3) }}").contains("'nothing' is undefined"))
    assert(failure("{{ 'a' | no_such_filter }}").contains("the filter 'no_such_filter'"))
    assert(failure("{{ 'a' is no_such_test }}").contains("the test 'no_such_test'"))
    assert(failure("{{ 'a'.no_such_method() }}").contains("no_such_method"))
    assert(failure("{% whatever %}").contains("whatever"))
    assert(failure("{{ 1 + }}").contains("it breaks off in '1 +'"))
    assert(failure("{{ 1 2 }}").contains("it has an unexpected '2' in '1 2'"))
    assert(failure("{{ 'a }}").nonEmpty)
    assert(failure("{{ a").contains("a tag without an end"))
    assert(failure("{# a").contains("a comment without an end"))
    assert(failure("{% for a of b %}{% endfor %}").contains("a loop without 'in'"))
    assert(failure("{% set x.y = 1 %}").contains("'x.y', which is no namespace's"))
    assert(failure("{{ }}").nonEmpty)
    assert(failure("{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}").contains("2 arguments of 1"))
  }

  test("what a template uses and nobody knows is found in branches that never run") {
    val problems = TemplateEngine
      .unsupported(
        "{% if false %}{{ 'a' | one }}{% for x in y | two %}{{ x is three }}{% endfor %}{% endif %}{{ 1 + }}" +
          "{% if x is not four %}{{ x is defined and x | trim }}{% endif %}"
      )
      .asScala
    assert(problems.size == 5)
    for (name <- Seq("filter 'one'", "filter 'two'", "test 'three'", "test 'four'"))
      assert(problems.exists(_.contains(name)), name)
    assert(TemplateEngine.unsupported("{% include 'x' %}").asScala.head.contains("the tag 'include'"))
    assert(TemplateEngine.unsupported("{{ messages | map('upper') | join }}").isEmpty)
  }

  test("templates reach neither classes nor files") {
    Seq(
      "{{ ''.getClass() }}",
      "{{ ''.getClass().getName() }}",
      "{{ messages.getClass() }}",
      "{{ ''.__class__.__mro__ }}",
      "{{ ''.__class__() }}",
      "{{ raise_exception.__globals__.x }}",
      "{{ raise_exception.call.x }}",
      "{{ namespace().__init__.__globals__ }}",
      "{{ messages.class.name }}",
      "{{ ____int3rpr3t3r____.context }}",
      "{{ ____int3rpr3t3r____.config }}",
      "{{ 'x' | attr('getClass') | string | upper() () }}",
      "{% for a in [1] %}{{ loop.items.class }}{% endfor %}",
      "{% include 'META-INF/MANIFEST.MF' %}",
      "{% import 'META-INF/MANIFEST.MF' as m %}",
      "{% from 'META-INF/MANIFEST.MF' import m %}",
      "{% extends 'META-INF/MANIFEST.MF' %}"
    ).foreach(template => assert(failure(template).nonEmpty, template))
    Seq("{{ ''.class }}", "{{ ''.__class__ }}", "{{ 'x' | attr('__class__') }}", "{{ messages['class'] }}")
      .foreach(template => assert(render(template) == "", template))
  }

  private def soon(template: String): String = {
    val started = System.nanoTime
    val why = failure(template)
    assert(System.nanoTime - started < 20000000000L, template.take(80))
    why
  }

  test("work is limited in steps and time") {
    val nested = "{% for i in range(9999) %}" * 3 + "x" + "{% endfor %}" * 3
    assert(soon(nested).contains("steps"))
    assert(soon("{% for i in range(1000000000) %}{% endfor %}").contains("a list of more than"))
    assert(soon("{% for i in range(0, 1, 0) %}{% endfor %}").contains("step 0"))
    val slow =
      "{% set t = 'a' * 1000000 %}{% for i in range(9999) %}{% set x = t.upper() == t.lower() %}{% endfor %}"
    assert(soon(slow).nonEmpty)
    assert(soon("{{ ('a' * 500000).find('a' * 250000 ~ 'b') }}").contains("it looks for"))
    assert(soon("{{ ('a' * 250000 ~ 'b') in 'a' * 500000 }}").contains("it looks for"))
  }

  test("texts and lists are limited in size, each and all together") {
    Seq(
      "{{ 'x' * 1000000000000 }}",
      "{{ 1000000000000 * 'x' }}",
      "{{ [1] * 1000000000000 }}",
      "{{ 'x' * -9223372036854775807 * 2 ~ 9223372036854775807 * 2 }}",
      "{% set ns = namespace(t='xxxxxxxx') %}{% for i in range(40) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
      "{% set ns = namespace(t='xxxxxxxx') %}{% for i in range(40) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}",
      "{% set ns = namespace(t=[1]) %}{% for i in range(40) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}",
      "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = ns.l + ['x' * 1000000] %}{% endfor %}",
      "{{ range(9999) | join('x' * 1000000) }}",
      "{{ ('x' * 1000000).join(range(9999) | map('string')) }}",
      "{{ ('x' * 100000) | replace('x', 'y' * 1000000) }}",
      "{{ ('x' * 100000).replace('', 'y' * 1000000) }}",
      "{{ ('\n' * 100000) | indent(1000000, blank=true) }}",
      "{{ 'x' | indent(10000000000) }}",
      "{{ 'x' | center(10000000000) }}",
      "{{ 'x'.zfill(10000000000) }}",
      "{{ ('x ' * 100000).split() }}",
      "{% for i in range(9999) %}{{ 'x' * 10000 }}{% endfor %}",
      "{% set l = range(9999) %}{{ [l, l, l, l, l, l] | map('join', 'x' * 900000) | list }}",
      "{% set d = {'a': 'x' * 900000} %}{{ [d, d, d] | tojson }}",
      "{{ messages | tojson(indent=100000000) }}"
    ).foreach(template => assert(soon(template).nonEmpty, template))
  }

  test("lists that have the same lists many times are limited, too") {
    val lists = Seq("a" -> "1", "b" -> "a", "c" -> "b", "d" -> "1", "e" -> "d", "f" -> "e").map {
      case (name, item) => s"{% set $name = [$item] * 9999 %}"
    }.mkString
    Seq(
      "{{ c == f }}",
      "{{ c is ne(f) }}",
      "{{ c < f }}",
      "{{ c in [f] }}",
      "{{ [c].index(f) }}",
      "{{ [c].count(f) }}",
      "{{ [c, f] | unique }}",
      "{{ [c, f] | sort }}",
      "{{ [c, f] | max }}",
      "{{ {'x': c} == {'x': f} }}",
      "{{ dict()[c] }}",
      "{% for i in [c, f] %}{{ loop.changed(i) }}{% endfor %}",
      "{{ ([a] * 9999) | map('list') }}"
    ).foreach(template => assert(soon(lists + template).matches(".*(steps|seconds|characters).*"), template))
    Seq("{{ {c: 1} }}", "{{ {(1, c): 1} }}", "{{ dict().get(c) }}", "{{ c in dict() }}")
      .foreach(template => assert(soon(lists + template).endsWith("for a key of a dictionary"), template))
    assert(render("{{ dict()[[1]] }}") == "")
    assert(render("{{ {(1, 'x'): 'y'}[(1, 'x')] }}") == "y")
    val seen = "{% for i in [[1], [1], [2]] %}{{ loop.changed(i) }} {% endfor %}"
    assert(render(seen) == "True False True ")
  }

  test("depth is limited") {
    Seq(
      "{{ " + "-" * 20000 + "1 }}",
      "{{ " + "not " * 20000 + "1 }}",
      "{{ " + "(" * 20000 + "1" + ")" * 20000 + " }}",
      "{{ " + "[" * 20000 + "1" + "]" * 20000 + " }}",
      "{{ 1" + " + 1" * 60000 + " }}",
      "{{ x" + ".a" * 60000 + " }}",
      "{{ 1" + " if 1 else 1" * 20000 + " }}",
      "{% if true %}" * 9000 + "{% endif %}" * 9000,
      "{% for i in [1] %}" * 6000 + "{% endfor %}" * 6000,
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f(x) %}{{ g(x) }}{% endmacro %}{% macro g(x) %}{{ f(x) ~ f(x) }}{% endmacro %}{{ f(1) }}",
      "{% macro f() %}{{ caller() }}{% endmacro %}{% macro g() %}{% call f() %}{{ g() }}{% endcall %}{% endmacro %}{{ g() }}",
      "{" * 300000
    ).foreach(template => assert(soon(template).nonEmpty, template.take(60)))
  }
}
