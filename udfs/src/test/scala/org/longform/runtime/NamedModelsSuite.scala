package org.longform.runtime

import java.nio.file.{Files, Path}

import scala.collection.JavaConverters._

import org.longform.datasets.models.Trees
import org.longform.models.ModelLocation
import org.longform.options.Options
import org.scalatest.funsuite.AnyFunSuite

/** What is known of the models that options name before one is read. */
class NamedModelsSuite extends AnyFunSuite {
  private val models = new NamedModels
  private val tiny = ModelLocation.resolve("longform-tiny").bytes()

  private def options(given: (String, String)*): Options = Options.ofCall(given.toMap.asJava)

  private def using(body: Path => Unit): Unit = {
    val folder = Files.createTempDirectory("named-models-")
    try body(folder)
    finally Trees.delete(folder)
  }

  private def adapter(folder: Path, bytes: Int): String = {
    Files.writeString(folder.resolve("adapter_config.json"), "{}")
    Files.write(folder.resolve("adapter_model.safetensors"), new Array[Byte](bytes))
    folder.toString
  }

  test("the bytes of all models that read are counted, with the adapter") {
    using { folder =>
      assert(models.bytesHere(options()) == tiny && tiny > 0)
      val adapted = "adapter" -> adapter(folder, 12345)
      assert(models.bytesHere(options(adapted)) == tiny + 12345)
      val along = Seq("decoding" -> "draft-model", "draft_model" -> "longform-tiny")
      assert(models.bytesHere(options(along :+ adapted: _*)) == 2 * tiny + 12345)
    }
  }

  test("what lies elsewhere or is not there has no bytes yet, and nothing is fetched") {
    assert(models.bytesHere(options("model" -> "hdfs://nowhere/model")) == 0)
    assert(models.bytesHere(options("adapter" -> "s3a://nowhere/adapter")) == tiny)
    assert(models.bytesHere(options("model" -> "/there/is/no/such/model")) == 0)
  }
}
