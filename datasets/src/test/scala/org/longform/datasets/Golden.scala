package org.longform.datasets

import java.nio.charset.StandardCharsets.UTF_8
import java.security.MessageDigest

import scala.collection.JavaConverters._
import scala.io.Source

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

/** Recorded answers of the Python programs this module must agree with. */
object Golden {
  private val mapper = new ObjectMapper()

  def json(path: String): JsonNode = mapper.readTree(text(path))

  def items(path: String): Seq[JsonNode] = json(path).asScala.toSeq

  def lines(path: String): Seq[JsonNode] = text(path).split('\n').toSeq.map(mapper.readTree(_))

  def sha256(text: String): String =
    MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8)).map(b => f"${b & 0xff}%02x").mkString

  private def text(path: String): String = {
    val in = getClass.getResourceAsStream(path)
    require(in != null, s"the test resource $path is missing")
    try Source.fromInputStream(in, "UTF-8").mkString
    finally in.close()
  }
}
