package org.longform.prompt

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class PromptTemplateSuite extends AnyFunSuite {
  private def fill(template: String, values: (String, String)*): (String, String) = {
    val filled = PromptTemplate.parse(template).fill("text", values.toMap.asJava)
    (filled.before, filled.after)
  }

  private def message(body: => Any): String = {
    val error = intercept[LongformException](body)
    assert(error.errorClass == ErrorClass.INVALID_OPTION)
    error.getMessage
  }

  test("holes take the values of columns, around the document") {
    assert(
      fill("By {author}: {text} What does {author} say?", "author" -> "Ann") ==
        (("By Ann: ", " What does Ann say?"))
    )
    assert(fill("{text}") == (("", "")))
  }

  test("doubled braces are braces, and values are never read for holes") {
    assert(fill("{{{a}}} {{b}} {text} }}{{", "a" -> "{text}{x}{{") == (("{{text}{x}{{} {b} ", " }{")))
  }

  test("names of columns are listed in order of use") {
    assert(PromptTemplate.parse("{b}{a}{b}{ c }").columns.asScala.toSeq == Seq("b", "a", "c"))
  }

  test("an unknown hole is refused with the columns there are") {
    assert(
      message(fill("{text} {autor}", "author" -> "Ann")) ==
        "Cannot use prompt template '{text} {autor}': there is no column for its hole '{autor}' (columns: author). Write '{{' and '}}' for braces that are text."
    )
  }

  test("the document needs exactly one hole") {
    assert(message(fill("no document")).contains("it has 0 holes '{text}' for the document"))
    assert(message(fill("{text}{text}")).contains("it has 2 holes"))
  }

  test("braces that do not pair are refused with their place") {
    assert(message(PromptTemplate.parse("ab{text")).contains("the brace at character 2 opens no"))
    assert(message(PromptTemplate.parse("ab}")).contains("the brace at character 2 closes no hole"))
    assert(message(PromptTemplate.parse("{}")).contains("the brace at character 0 opens no hole"))
  }
}
