package org.longform.methods

import java.nio.file.{Files, Path}

import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.method.{Method, MethodParameter}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** The page of strategies is written by the code, and every method has something to say in every place. */
class StrategyDocsSuite extends AnyFunSuite {
  private val page = Path.of(System.getProperty("longform.basedir"), "kernels", "STRATEGIES.md")
  private val methods: Seq[Method] =
    MethodSections.ALL.asScala.flatMap(_.methods().asScala.toSeq: Seq[Method]).toSeq

  private case class Told(name: String, parameters: java.util.List[MethodParameter]) extends Method {
    override def description(): String = "It takes a*b*c of k_proj where a < b."
    override def whenToUse(): String = "Never."
    override def cost(): String = "None."
    override def source(): String = "A paper"
    override def notCopied(): String = "All of it."
  }

  test("STRATEGIES.md is what the code writes") {
    if (System.getProperty("longform.write.docs") == "true") {
      Files.writeString(page, StrategyDocs.markdown())
    }
    assert(Files.readString(page) == StrategyDocs.markdown())
  }

  test("STRATEGIES.md has a chapter for every method and a row for every parameter") {
    val text = Files.readString(page)
    assert(methods.size >= ContextStrategies.ALL.size())
    methods.foreach { method =>
      val chapter = text.split("\n### ").find(_.contains(s"</a>`${method.name()}`"))
      assert(chapter.isDefined, method.name())
      method
        .parameters()
        .asScala
        .foreach(p => assert(chapter.get.contains(s"| `${p.name()}` |"), method.name()))
    }
  }

  test(
    "every method says in whole sentences what it does, when to use it, its cost and what was not copied"
  ) {
    methods.foreach { method =>
      val texts = Seq(method.description(), method.whenToUse(), method.cost(), method.notCopied())
      val tuning = Some(method.tuning()).filter(_.nonEmpty)
      (texts ++ tuning ++ method.guarantees().asScala).foreach { text =>
        assert(text.matches("(?s)\\S.*\\."), s"${method.name()}: '$text'")
        assert(!text.contains("  ") && !text.contains("\n"), s"${method.name()}: '$text'")
      }
      assert(texts.distinct.size == texts.size, method.name())
      assert(method.source().nonEmpty && !method.source().endsWith("."), method.name())
      val sentences = method.description().split("(?<=[.!?]) +").length
      assert(
        sentences >= 2 && sentences <= 4,
        s"${method.name()} is described in $sentences sentences, not three"
      )
      assert(method.cost().toLowerCase.contains("memory"), s"${method.name()}: ${method.cost()}")
    }
  }

  test("names within a section are unique, and so are titles") {
    MethodSections.ALL.forEach { section =>
      val names = section.methods().asScala.map(_.name())
      assert(names.nonEmpty && names.distinct == names, section.title())
    }
    val titles = MethodSections.ALL.asScala.map(_.title())
    assert(titles.distinct == titles)
  }

  test("what Markdown would take for emphasis, a tag or the end of a cell is shown as it was written") {
    val bar = new MethodParameter {
      override def name(): String = "bar"
      override def doc(): String = "One of a|b."
      override def expectation(): String = "a letter"
      override def defaultText(): String = "a|b"
    }
    val section = new MethodSection("Some", "So.", Seq(Told("x", Seq(bar).asJava)).asJava)
    val text = StrategyDocs.markdown(Seq(section).asJava)
    assert(text.contains("a\\*b\\*c of k\\_proj where a \\< b."))
    assert(text.contains("| `bar` | One of a\\|b. A letter. | a\\|b |"))
  }
}
