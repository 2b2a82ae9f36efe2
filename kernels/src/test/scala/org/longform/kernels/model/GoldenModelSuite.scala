package org.longform.kernels.model

import java.nio.file.{Files, Path}
import java.security.MessageDigest

import scala.collection.mutable

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.longform.datasets.models.BundledModels
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.model.SessionFixtures._
import org.scalatest.funsuite.AnyFunSuite

/** The bundled model against logits that src/test/python/golden_logits.py computed with numpy. */
class GoldenModelSuite extends AnyFunSuite {

  private val golden: JsonNode = {
    val stream = getClass.getResourceAsStream("longform-tiny/golden.json")
    try new ObjectMapper().readTree(stream)
    finally stream.close()
  }

  private def numbers(key: String): Array[Double] =
    (0 until golden.get(key).size()).map(golden.get(key).get(_).asDouble()).toArray

  private def ids(key: String): Array[Int] = numbers(key).map(_.toInt)

  private val directory: Path = BundledModels.localDirectory("longform-tiny")

  private def largestDifference(found: Array[Float], expected: Array[Double]): Double = {
    assert(found.length === expected.length)
    found.zip(expected).map { case (a, b) => math.abs(a - b) }.max
  }

  test("the golden values belong to the bundled weights") {
    val bytes = Files.readAllBytes(directory.resolve("model.safetensors"))
    val digest = MessageDigest.getInstance("SHA-256").digest(bytes).map("%02x".format(_)).mkString
    assert(digest === golden.get("model_sha256").asText())
  }

  test("prompt logits, greedy tokens and last logits equal the golden ones") {
    val decoder = Decoder.load(directory, new ReferenceDevice().open(1))
    try {
      assert(decoder.spec().headDim() === 32)
      assert(decoder.limits().trainedWindow() === 512)
      withSession(decoder, full(decoder, 40)) { session =>
        val prompt = ids("prompt")
        session.feed(prompt, 0, prompt.length)
        session.flush()
        assert(largestDifference(session.logits(), numbers("logits_after_prompt")) < 1e-4)
        val greedy = mutable.Buffer[Int]()
        for (_ <- ids("greedy")) {
          val logits = session.logits()
          greedy += logits.indexOf(logits.max)
          session.step(greedy.last)
        }
        assert(greedy === ids("greedy").toSeq)
        assert(largestDifference(session.logits(), numbers("logits_after_greedy")) < 1e-4)
      }
    } finally decoder.close()
  }
}
