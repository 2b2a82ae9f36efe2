package org.longform.hub

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.time.Duration
import java.util.Optional
import java.util.concurrent.ConcurrentLinkedQueue

import scala.collection.JavaConverters._

import org.longform.datasets.models.Trees
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

/** A fake hub and an empty cache for each test. */
trait HubFixture extends AnyFunSuite {
  protected val weights: Array[Byte] = Array.tabulate[Byte](300000)(i => (i * 31 + i / 1000).toByte)

  /** What a model's repository usually has, and more than is needed. */
  protected val usual: Map[String, Array[Byte]] = Map(
    "config.json" -> """{"model_type":"llama"}""".getBytes(UTF_8),
    "generation_config.json" -> "{}".getBytes(UTF_8),
    "tokenizer.json" -> "{\"model\":{}}".getBytes(UTF_8),
    "tokenizer_config.json" -> "{ }".getBytes(UTF_8),
    "model.safetensors" -> weights,
    "pytorch_model.bin" -> "pickle".getBytes(UTF_8),
    "README.md" -> "# A model".getBytes(UTF_8),
    "onnx/model.onnx" -> "graph".getBytes(UTF_8)
  )
  protected val needed: Set[String] =
    Set(
      "config.json",
      "generation_config.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "model.safetensors"
    )

  /** A hub with a model `org/tiny`, and a machine that may ask it. */
  protected class World(environment: Map[String, String] = Map.empty) extends AutoCloseable {
    val folder: Path = Files.createTempDirectory("hub-").toRealPath()
    val server = new FakeHub
    val pauses = new ConcurrentLinkedQueue[Duration]
    val screen = new ByteArrayOutputStream
    server.repos("org/tiny") = FakeRepo(usual)

    val cache: Path = folder.resolve("hf").resolve("hub")
    val home: Path = cache.resolve("models--org--tiny")

    def settings(more: (String, String)*): HubSettings = HubSettings.of(
      (Map(
        "HF_ENDPOINT" -> server.endpoint,
        "HF_HOME" -> folder.resolve("hf").toString,
        "HF_HUB_DOWNLOAD_TIMEOUT" -> "5",
        "no_proxy" -> "127.0.0.1"
      ) ++ environment ++ more).asJava,
      HubFixture.Nothing
    )

    def hub(more: (String, String)*): Hub = machine(settings(more: _*))

    def machine(
        settings: HubSettings,
        linker: HubCache.Linker = (link, target) => Files.createSymbolicLink(link, target)
    ): Hub =
      new Hub(
        settings,
        time => pauses.add(time),
        new DownloadProgress(
          new PrintStream(screen, true, "UTF-8"),
          DownloadProgress.Screen.TERMINAL,
          () => System.nanoTime()
        ),
        linker
      )

    def snapshot(commit: String = FakeHub.Commit): Path = home.resolve("snapshots").resolve(commit)

    /** As the hub's own library leaves what it downloaded. */
    def filled(files: Map[String, Array[Byte]], commit: String = FakeHub.Commit): Unit = {
      Files.createDirectories(home.resolve("blobs"))
      Files.createDirectories(home.resolve("refs"))
      Files.write(home.resolve("refs").resolve("main"), commit.getBytes(UTF_8))
      files.foreach { case (name, body) =>
        val etag = if (FakeHub.isLarge(name)) FakeHub.sha256(body) else FakeHub.gitHash(body)
        Files.write(home.resolve("blobs").resolve(etag), body)
        val link = snapshot(commit).resolve(name)
        Files.createDirectories(link.getParent)
        Files.createSymbolicLink(link, link.getParent.relativize(home.resolve("blobs").resolve(etag)))
      }
    }

    override def close(): Unit = {
      server.close()
      Trees.delete(folder)
    }
  }

  protected def world(environment: (String, String)*)(body: World => Unit): Unit = {
    val world = new World(environment.toMap)
    try body(world)
    finally world.close()
  }

  protected def model(name: String): HubModel = HubModel.of(name).get

  protected def refused(body: => Any): String = {
    val refused = intercept[LongformException](body)
    assert(refused.errorClass() == ErrorClass.INVALID_MODEL, refused)
    assert(refused.getMessage.startsWith("Cannot ") && refused.getMessage.endsWith("."), refused)
    refused.getMessage
  }

  protected def names(directory: Path): Set[String] = {
    val files = Files.walk(directory)
    try files.iterator.asScala.filter(Files.isRegularFile(_)).map(directory.relativize(_).toString).toSet
    finally files.close()
  }

  protected def read(path: Path): Array[Byte] = Files.readAllBytes(path)
}

object HubFixture {
  val Nothing: HubSettings.Given = new HubSettings.Given(Optional.empty(), Optional.empty(), Optional.empty())
}
