package org.longform.grammar

import scala.collection.JavaConverters._

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

/** What a schema may say. It comes from outside. */
class JsonSchemaSuite extends AnyFunSuite {
  private def refusal(json: String): String = {
    val error = intercept[LongformException](JsonSchema.extracted(json))
    assert(error.errorClass() == ErrorClass.INVALID_INPUT)
    assert(error.getMessage.length < 700 && error.getMessage.startsWith("Cannot extract: "))
    error.getMessage
  }

  private def property(json: String): String = refusal(s"""{"type":"object","properties":{"p":$json}}""")

  test("what cannot be followed is refused, with the place and the words") {
    val expected = Seq(
      "" -> "the schema is no JSON object",
      "{" -> "it is no JSON (",
      "{} x" -> "it is no JSON (",
      "\"text\"" -> "the schema is no JSON object (\"text\")",
      """{"type":"string"}""" -> "the schema is not of type \"object\"",
      """{"type":["object","null"],"properties":{"a":{"type":"string"}}}""" -> "is not of type \"object\"",
      """{"type":"object"}""" -> "the schema has no properties",
      """{"type":"object","properties":{}}""" -> "the schema has no properties",
      """{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":true}""" -> "allows additionalProperties",
      """{"type":"object","properties":{"a":{"type":"string"}},"required":["b"]}""" -> "requires \"b\", which is none of its properties",
      """{"type":"object","properties":{"a":{"type":"string"}},"required":"a"}""" -> "has a list required that is none",
      """{"type":"object","properties":{"a":{"type":"string"},"a":{"type":"string"}}}""" -> "Duplicate field 'a'",
      """{"type":"object","properties":{"":{"type":"string"}}}""" -> "has a property '' (0 characters",
      """{"anyOf":[]}""" -> "has no type",
      """{"type":5}""" -> "has the type 5"
    )
    for ((json, why) <- expected) assert(refusal(json).contains(why), json)
    val ofProperty = Seq(
      """{"type":"string","pattern":"a+"}""" -> "property 'p' has the keyword 'pattern', which is not supported (here: maxLength, type)",
      """{"$ref":"#"}""" -> "property 'p' has no type",
      """{"type":["string","integer"]}""" -> "is of several types ([string, integer])",
      """{"type":"null"}""" -> "has no type",
      """{"type":"date"}""" -> "is of type \"date\" (known: object,",
      """{"type":"string","maxLength":-1}""" -> "has the maxLength -1, expected 0 to 1048576",
      """{"type":"string","maxLength":1e3}""" -> "has the maxLength",
      """{"type":"array"}""" -> "items of property 'p' is no JSON object",
      """{"type":"array","items":{"type":"string"},"minItems":1}""" -> "has the keyword 'minItems'",
      """{"type":"array","items":{"type":"string"},"maxItems":99999999}""" -> "has the maxItems 99999999",
      """{"enum":[]}""" -> "has an enum without a value ([])",
      """{"enum":[1,"a"]}""" -> "has an enum and no type",
      """{"type":"integer","enum":[1.5]}""" -> "has 1.5 in its enum, which is no integer",
      """{"type":"string","enum":"a"}""" -> "has an enum without a value",
      """true""" -> "property 'p' is no JSON object (true)"
    )
    for ((json, why) <- ofProperty) assert(property(json).contains(why), json)
  }

  test("sizes are limited: depth, properties, values, text") {
    val deep =
      (1 to 2000).foldLeft("""{"type":"string"}""")((inner, _) => s"""{"type":"array","items":$inner}""")
    assert(property(deep.take(60000)).contains("it is no JSON"))
    val eight =
      (1 to 9).foldLeft("""{"type":"string"}""")((inner, _) => s"""{"type":"array","items":$inner}""")
    assert(property(eight).contains("lies more than 8 levels deep"))
    val many = (1 to 300).map(i => s""""p$i":{"type":"boolean"}""").mkString(",")
    assert(refusal(s"""{"type":"object","properties":{$many}}""").contains("has more than 256 properties"))
    val values = (1 to 1100).mkString(",")
    assert(property(s"""{"type":"integer","enum":[$values]}""").contains("more than 1000 values"))
    assert(property(s"""{"enum":["${"x" * 300}"]}""").contains("at most 256 characters"))
    assert(refusal("[" + "\"a\"," * 20000 + "\"b\"]").contains("has 80005 characters, and 65536 are allowed"))
    assert(refusal("[" * 5000 + "]" * 5000).contains("it is no JSON"))
  }

  test("what is for the reader changes nothing") {
    val plain = JsonSchema.extracted("""{"type":"object","properties":{"a":{"type":"string"}}}""")
    val described = JsonSchema.extracted(
      """{"$schema":"x","title":"t","type":"object","additionalProperties":false,
         "properties":{"a":{"type":"string","description":"d","examples":["e"],"default":"f"}}}"""
    )
    assert(described == plain)
  }

  test("all properties are required unless a list says which, and they keep their order") {
    val all = JsonSchema.extracted(
      """{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"integer"}}}"""
    )
    assert(all.properties().asScala.map(_.name()) == Seq("b", "a"))
    assert(all.properties().asScala.forall(_.required()))
    val some = JsonSchema.extracted(
      """{"type":"object","required":["a"],"properties":{"b":{"type":"string"},"a":{"type":"integer"}}}"""
    )
    assert(some.properties().asScala.map(_.required()) == Seq(false, true))
  }

  test("labels are texts that may be null; wrong ones are refused") {
    val labels = JsonSchema.extracted("""["a b","c"]""")
    assert(labels == JsonType.ofLabels(java.util.List.of("a b", "c")))
    assert(labels.properties().asScala.forall(each => each.`type`().nullable() && each.required()))
    val half = 0xd800.toChar
    val wrong = Seq(
      "[]" -> "Cannot extract: there is no label. Give at least one.",
      """["a",null]""" -> "Cannot extract: one of its labels is NULL. Leave it out.",
      """["a"," "]""" -> "Cannot extract: one of its labels is blank (' '). Leave it out.",
      """["a","b","a"]""" -> "Cannot extract: label 'a' is there twice. Give each label once.",
      """["a",5]""" -> "Cannot extract: a label is no text but 5. Give texts.",
      s"""["$half"]""" -> s"Cannot extract: label '$half' has half of a surrogate pair. Change it."
    )
    for ((json, sentence) <- wrong) assert(refusal(json) == sentence)
    assert(refusal(s"""["${"x" * 257}"]""").contains("has 257 characters, and 256 are allowed"))
    val many = (1 to 501).map(i => s""""$i"""").mkString("[", ",", "]")
    assert(refusal(many) == "Cannot extract: there are 501 labels, and 500 are allowed. Choose fewer.")
  }

  test("labels of a class may be there twice, and survive as JSON whatever is in them") {
    val labels = java.util.List.of("a\"b\\", "é😀\n", "a\"b\\")
    assert(Labels.checked("classify", labels).asScala == Seq("a\"b\\", "é😀\n"))
    assert(Labels.ofJson("classify", Labels.toJson(labels)) == labels)
    val error = intercept[LongformException](Labels.checked("classify", java.util.List.of[String]()))
    assert(error.getMessage == "Cannot classify: there is no label. Give at least one.")
    assert(
      intercept[LongformException](Labels.ofJson("classify", "{}")).getMessage.contains("are no JSON array")
    )
  }
}
