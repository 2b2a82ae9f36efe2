package org.longform

import com.tngtech.archunit.core.domain.{JavaClass, JavaModifier}
import com.tngtech.archunit.core.importer.{ClassFileImporter, ImportOption}
import org.longform.decoding.{DecodingStrategies, DecodingStrategy}
import org.longform.feed.{ReadingStrategies, ReadingStrategy}
import org.longform.sql.{SqlFunction, SqlFunctions}
import org.scalatest.funsuite.AnyFunSuite

/** Imports of udfs go one way, only sql knows Spark, and the list of functions is complete. */
class UdfsLayersSuite extends AnyFunSuite {
  private val ROOT = "org.longform."

  /** From the bottom: each layer may use the ones before it. */
  private val stack = Seq(
    "memo",
    "decoding",
    "feed",
    "options",
    "tokenizer",
    "grammar",
    "prompt",
    "generate",
    "hub",
    "models",
    "read",
    "methods",
    "runtime",
    "sql"
  )

  private val all: Seq[JavaClass] = new ClassFileImporter()
    .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
    .importPackages(stack.map(ROOT + _): _*)
    .toArray(Array.empty[JavaClass])
    .toSeq

  private def layer(javaClass: JavaClass): String =
    javaClass.getPackageName.stripPrefix(ROOT).takeWhile(_ != '.')

  private def targets(from: JavaClass): Seq[JavaClass] = {
    val found = Seq.newBuilder[JavaClass]
    from.getDirectDependenciesFromSelf.forEach(d => found += d.getTargetClass.getBaseComponentType)
    found.result()
  }

  test("every layer was scanned") {
    assert(all.map(layer).toSet == stack.toSet)
  }

  test(
    "imports go sql, runtime, methods, read, models, hub, generate, prompt, grammar, tokenizer, options, feed, decoding, memo"
  ) {
    val wrong = for {
      from <- all
      to <- targets(from)
      if to.getPackageName.startsWith(ROOT) && stack.contains(layer(to))
      if stack.indexOf(layer(to)) > stack.indexOf(layer(from))
    } yield s"${from.getName} uses ${to.getName}"
    assert(wrong.distinct.isEmpty)
  }

  test("nothing here knows the plugin, and only sql knows Spark") {
    val wrong = for {
      from <- all
      to <- targets(from)
      name = to.getPackageName
      if name
        .startsWith("org.longform.spark") || (name.startsWith("org.apache.spark") && layer(from) != "sql")
    } yield s"${from.getName} uses ${to.getName}"
    assert(wrong.distinct.isEmpty)
  }

  test("every reading strategy is in the list, and knows neither options nor prompts") {
    val listed = ReadingStrategies.ALL.toArray(Array.empty[ReadingStrategy]).map(_.getClass.getName).toSet
    val written =
      all.filter(c => c.isAssignableTo(classOf[ReadingStrategy]) && !c.isInterface).map(_.getName).toSet
    assert(written == listed && listed.size >= 3)
  }

  test("every decoding strategy is in the list") {
    val listed = DecodingStrategies.ALL.toArray(Array.empty[DecodingStrategy]).map(_.getClass.getName).toSet
    val written = all
      .filter(c => c.isAssignableTo(classOf[DecodingStrategy]) && !c.isInterface)
      .map(_.getName)
      .toSet
    assert(written == listed)
  }

  test("every SQL function is in the list") {
    val lists = Seq(SqlFunctions.ALL, SqlFunctions.AGGREGATES)
    val listed = lists.flatMap(_.toArray(Array.empty[SqlFunction])).map(_.getClass.getName).toSet
    val written = all
      .filter(c => c.isAssignableTo(classOf[SqlFunction]) && !c.isInterface)
      .filterNot(_.getModifiers.contains(JavaModifier.ABSTRACT))
      .map(_.getName)
      .toSet
    assert(written == listed)
  }
}
