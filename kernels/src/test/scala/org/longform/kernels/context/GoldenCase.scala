package org.longform.kernels.context

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.longform.kernels.attention.PositionEncoding

import java.nio.file.{Files, Path, Paths}
import java.nio.{ByteBuffer, ByteOrder}
import scala.collection.JavaConverters._

/** A stored case: its configuration and its arrays, see golden/README.md in the test resources. */
final class GoldenCase(json: JsonNode, bytes: ByteBuffer) {
  val name: String = json.get("name").asText()
  val config: JsonNode = json.get("config")

  private val arrays: Map[String, JsonNode] =
    json.get("arrays").asScala.map(array => array.get("name").asText() -> array).toMap

  def has(array: String): Boolean = arrays.contains(array)
  def names: Set[String] = arrays.keySet
  def int(key: String): Int = config.get(key).asInt()
  def text(key: String): String = config.get(key).asText()

  def shape(array: String): Seq[Int] = arrays(array).get("shape").asScala.map(_.asInt()).toSeq

  def floats(array: String): Array[Float] = {
    require(arrays(array).get("dtype").asText() == "float32")
    val at = arrays(array).get("offset").asInt()
    Array.tabulate(shape(array).product)(i => bytes.getFloat(at + i * 4))
  }

  def longs(array: String): Array[Long] = {
    require(arrays(array).get("dtype").asText() == "int64")
    val at = arrays(array).get("offset").asInt()
    Array.tabulate(shape(array).product)(i => bytes.getLong(at + i * 8))
  }

  /** An array [heads, rows, d] as (rows, heads*d). */
  def rowMajor(array: String): Array[Float] = {
    val values = floats(array)
    val Seq(heads, rows, d) = shape(array)
    Array.tabulate(values.length) { at =>
      val (row, head, c) = (at / (heads * d), at / d % heads, at % d)
      values((head * rows + row) * d + c)
    }
  }

  /** Queries, keys and values; where only the last rows have queries the others get zeros. */
  def sequence(suffix: String = ""): Sequence = {
    val Seq(heads, queries, d) = shape("q" + suffix)
    val Seq(kvHeads, tokens, _) = shape("k" + suffix)
    val before = new Array[Float]((tokens - queries) * heads * d)
    Sequence(
      heads,
      kvHeads,
      d,
      before ++ rowMajor("q" + suffix),
      rowMajor("k" + suffix),
      rowMajor("v" + suffix)
    )
  }

  def encoding: PositionEncoding =
    if (has("slopes")) new PositionEncoding.Alibi(floats("slopes").map(_.toDouble))
    else {
      val factor = Option(config.get("rope").get("attention_scaling")).map(_.asDouble()).getOrElse(1.0)
      new PositionEncoding.Rope(
        floats("inv_freq").map(_.toDouble),
        factor,
        PositionEncoding.Rope.Layout.HALF_SPLIT
      )
    }
}

object GoldenCase {
  private val folder: Path = Paths.get(getClass.getResource("/golden").toURI)

  /** All cases whose name starts with `prefix`, by name. */
  def all(prefix: String): Seq[GoldenCase] =
    Files
      .list(folder)
      .iterator()
      .asScala
      .map(_.getFileName.toString)
      .filter(file => file.startsWith(prefix) && file.endsWith(".json"))
      .map(_.stripSuffix(".json"))
      .toSeq
      .sorted
      .map(read)

  private def read(name: String): GoldenCase = {
    val json = new ObjectMapper().readTree(Files.readAllBytes(folder.resolve(name + ".json")))
    val bytes =
      ByteBuffer.wrap(Files.readAllBytes(folder.resolve(name + ".bin"))).order(ByteOrder.LITTLE_ENDIAN)
    new GoldenCase(json, bytes)
  }
}
