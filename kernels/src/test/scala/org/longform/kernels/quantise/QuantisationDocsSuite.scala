package org.longform.kernels.quantise

import java.nio.file.{Files, Path}

import scala.collection.JavaConverters._

import org.scalatest.funsuite.AnyFunSuite

/** The page about the methods is written by the code. */
class QuantisationDocsSuite extends AnyFunSuite {
  private val page = Path.of(System.getProperty("longform.basedir"), "kernels", "QUANTISATION.md")

  test("QUANTISATION.md is what the code writes, and names every method and parameter") {
    if (System.getProperty("longform.write.docs") == "true") {
      Files.writeString(page, QuantisationDocs.markdown())
    }
    val text = Files.readString(page)
    assert(text == QuantisationDocs.markdown())
    for (method <- QuantisationMethods.ALL.asScala) {
      assert(text.contains(s"## ${method.name()}\n"))
      method.parameters().asScala.foreach(p => assert(text.contains(s"`--${p.name()}`")))
    }
  }
}
