package org.longform.spark.conf

import java.nio.file.{Files, Path}

import org.longform.options.{AllOptions, ConfigDocs, Option}
import org.scalatest.funsuite.AnyFunSuite

/** The page of options is written by the code. */
class ConfigDocsSuite extends AnyFunSuite {
  private val page = Path.of(System.getProperty("longform.basedir"), "spark-plugin", "CONFIG.md")

  test("CONFIG.md is what the code writes") {
    if (System.getProperty("longform.write.docs") == "true") {
      Files.writeString(page, ConfigDocs.markdown())
    }
    assert(Files.readString(page) == ConfigDocs.markdown())
  }

  test("CONFIG.md names every option in every spelling that may be used") {
    val text = Files.readString(page)
    AllOptions.ALL.forEach { option =>
      val when = option.applicable()
      val spellings = Seq(
        option.confKey() -> true,
        s"`${option.sqlKey()}`" -> (when == Option.Applicable.QUERY),
        s"`${option.flag()}`" -> (when != Option.Applicable.APPLICATION)
      )
      spellings.foreach { case (key, named) => assert(text.contains(key) == named, key) }
    }
  }
}
