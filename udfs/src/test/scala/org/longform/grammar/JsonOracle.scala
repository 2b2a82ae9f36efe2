package org.longform.grammar

import java.nio.ByteBuffer
import java.nio.charset.{CharacterCodingException, CodingErrorAction}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.regex.Pattern

import scala.collection.JavaConverters._

/** What texts are JSON of a type, as one regular expression over characters. */
final class JsonOracle(jsonType: JsonType) {
  private val Hex = "[0-9a-fA-F]"
  private val Character =
    "(?:[^\"\\\\\\x00-\\x1f]|\\\\[\"\\\\/bfnrt]" +
      s"|\\\\u(?:[0-9a-ce-fA-CE-F]$Hex{3}|[dD][0-7]$Hex{2})" +
      s"|\\\\u[dD][89abAB]$Hex{2}\\\\u[dD][c-fC-F]$Hex{2})"

  private val pattern = Pattern.compile(regex(jsonType))

  private def times(least: Int, most: Int): String =
    if (most == JsonType.UNLIMITED) s"{$least,}+" else s"{$least,$most}+"

  private def regex(of: JsonType): String = {
    val value =
      if (!of.values().isEmpty) of.values().asScala.map(Pattern.quote).mkString("(?:", "|", ")")
      else
        of.kind() match {
          case JsonType.Kind.STRING  => s"""(?:"$Character${times(0, of.most())}")"""
          case JsonType.Kind.INTEGER => "(?:-?(?:0|[1-9][0-9]{0,17}))"
          case JsonType.Kind.NUMBER =>
            "(?:-?(?:0|[1-9][0-9]{0,17})(?:\\.[0-9]{1,17})?(?:[eE][-+]?[0-9]{1,2})?)"
          case JsonType.Kind.BOOLEAN                 => "(?:true|false)"
          case JsonType.Kind.ARRAY if of.most() == 0 => "(?:\\[\\])"
          case JsonType.Kind.ARRAY =>
            val more = if (of.most() == JsonType.UNLIMITED) of.most() else of.most() - 1
            val item = regex(of.items())
            s"(?:\\[(?:$item(?:,$item)${times(0, more)})?\\])"
          case JsonType.Kind.OBJECT =>
            "(?:\\{" + members(of.properties().asScala.toList, first = true) + "\\})"
        }
    if (of.nullable()) s"(?:null|$value)" else value
  }

  private def members(left: List[JsonType.Property], first: Boolean): String = left match {
    case Nil => ""
    case property :: others =>
      val name = new com.fasterxml.jackson.databind.ObjectMapper().writeValueAsString(property.name())
      val written =
        (if (first) "" else ",") + Pattern.quote(name) + ":" + regex(property.`type`()) + members(
          others,
          first = false
        )
      if (property.required()) written else s"(?:$written|${members(others, first)})"
  }

  def accepts(bytes: Array[Byte]): Boolean =
    try {
      val decoder = UTF_8
        .newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT)
      pattern.matcher(decoder.decode(ByteBuffer.wrap(bytes))).matches()
    } catch { case _: CharacterCodingException => false }
}

object JsonOracle {
  def schema(json: String): JsonType = JsonSchema.extracted(json)

  /** Types with all that there is, by what is special about them. */
  val types: Seq[(String, JsonType)] = Seq(
    "labels" -> schema("""["sample size", "größe", "a \"quoted\" 😀 one", "größer"]"""),
    "texts" -> schema(
      """{"type":"object","properties":{"a":{"type":"string"},"ab":{"type":"string","maxLength":3}}}"""
    ),
    "numbers" -> schema(
      """{"type":"object","properties":{"n":{"type":"number"},"i":{"type":["integer","null"]},"b":{"type":"boolean"}}}"""
    ),
    "enums" -> schema(
      """{"type":"object","properties":{"e":{"enum":["yes","yes, but","no\n","é",null]},
         "k":{"type":"integer","enum":[1,10,100,-3]},"x":{"type":"number","enum":[0.5,2]}}}"""
    ),
    "arrays" -> schema(
      """{"type":"object","properties":{"l":{"type":"array","items":{"type":"string","maxLength":2},"maxItems":3},
         "none":{"type":"array","items":{"type":"integer"},"maxItems":0},
         "m":{"type":["array","null"],"items":{"type":"array","items":{"type":"integer"}}}}}"""
    ),
    "optional" -> schema(
      """{"type":"object","required":["b"],"properties":{"a":{"type":"integer"},"ab":{"type":"integer"},
         "b":{"type":"boolean"},"c":{"type":"string"},"d":{"type":["string","null"],"maxLength":1}}}"""
    ),
    "all optional" -> schema(
      """{"type":"object","required":[],"properties":{"a":{"type":"integer"},"b":{"type":"string"}}}"""
    ),
    "nested" -> schema(
      """{"type":"object","properties":{"people":{"type":"array","items":{"type":"object","properties":{
         "name":{"type":"string"},"born":{"type":"integer"},"of":{"type":"object","properties":{"x":{"type":"number"}}}}}},
         "last":{"type":"string","maxLength":40}}}"""
    )
  )
}
