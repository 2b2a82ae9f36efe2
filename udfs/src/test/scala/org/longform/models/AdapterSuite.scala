package org.longform.models

import java.nio.file.{Files, Path}
import java.util.Optional

import scala.collection.JavaConverters._

import org.longform.datasets.models.{BundledModels, Trees}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.{DType, Shape}
import org.longform.kernels.weights.{SafetensorsWriter, TensorSpec}
import org.longform.runtime.LongformRuntime
import org.scalatest.funsuite.AnyFunSuite

/** A LoRA adapter as a part of a model that is read with. */
class AdapterSuite extends AnyFunSuite {
  private val module = "base_model.model.model.layers.0.self_attn.o_proj"

  private def using(body: Path => Unit): Unit = {
    val folder = Files.createTempDirectory("adapter-").toRealPath()
    try body(folder)
    finally Trees.delete(folder)
  }

  private def write(directory: Path, value: Float = 0.02f, width: Long = 192): Path = {
    Files.createDirectories(directory)
    Files.writeString(
      directory.resolve("adapter_config.json"),
      """{"peft_type":"LORA","r":1,"lora_alpha":2,"target_modules":["o_proj"]}"""
    )
    val specs = Seq(
      new TensorSpec(module + ".lora_A.weight", DType.F32, Shape.of(1L, width)),
      new TensorSpec(module + ".lora_B.weight", DType.F32, Shape.of(128L, 1L))
    )
    val writer = SafetensorsWriter.create(directory.resolve("adapter_model.safetensors"), specs.asJava)
    try {
      specs.foreach(spec => writer.write(Array.fill(spec.shape().elements().toInt)(value)))
      writer.finish()
    } finally writer.close()
    directory
  }

  private def refused(errorClass: ErrorClass, part: String)(body: => Any): Unit = {
    val error = intercept[LongformException](body)
    assert(error.errorClass() == errorClass && error.getMessage.contains(part), error.getMessage)
  }

  private def options(adapter: Path): java.util.Map[String, String] =
    Map("model" -> "longform-tiny", "adapter" -> adapter.toString).asJava

  test("the revision of a model with an adapter is that of both, and follows the adapter's files") {
    using { folder =>
      val adapter = write(folder.resolve("adapter"))
      val plain = LongformRuntime.modelRevision(Map("model" -> "longform-tiny").asJava)
      val first = LongformRuntime.modelRevision(options(adapter))
      assert(first.matches(s"\\Q$plain\\E\\+[0-9a-f]{16}"))
      LongformRuntime.requireModelRevision(options(adapter), first)
      write(adapter, 0.03f)
      val second = LongformRuntime.modelRevision(options(adapter))
      assert(second.startsWith(plain + "+") && second != first)
      refused(ErrorClass.INVALID_MODEL, "its files are of revision")(
        LongformRuntime.requireModelRevision(options(adapter), first)
      )
      assert(LongformRuntime.describe(options(adapter)).contains(s"model_revision=$second"))
      assert(LongformRuntime.describe(options(adapter)).contains(s"adapter=$adapter"))
    }
  }

  test("a model with an adapter is another than the model alone, and is loaded once") {
    using { folder =>
      val adapter = write(folder.resolve("adapter"))
      val base = LongformRuntime.model(org.longform.options.Options.ofCall(Map.empty[String, String].asJava))
      val merged = LongformRuntime.model(org.longform.options.Options.ofCall(options(adapter)))
      assert(base ne merged)
      assert(merged.revision() == LongformRuntime.modelRevision(options(adapter)))
      assert(merged.decoder().storageNotes().asScala.exists(_.contains("changes 1 weights")))
      assert(base.decoder().storageNotes().isEmpty)
      assert(LongformRuntime.model(org.longform.options.Options.ofCall(options(adapter))) eq merged)
      LongformRuntime.shutdown()
    }
  }

  test("two adapters of one model are two models, also where both are in one commit of the hub") {
    using { folder =>
      val commit = folder.resolve("snapshots").resolve("0123456789" * 4)
      val one = write(commit.resolve("one"))
      val two = write(commit.resolve("two"), 0.5f)
      val plain = LongformRuntime.modelRevision(Map("model" -> "longform-tiny").asJava)
      assert(LongformRuntime.modelRevision(options(one)) == s"$plain+${"0123456789" * 4}/one")
      val models = Seq(one, two).map(adapter =>
        LongformRuntime.model(org.longform.options.Options.ofCall(options(adapter)))
      )
      assert(models.map(_.location().adapter().get()) == Seq(one, two))
      assert(models.head ne models.last)
      assert(models.head.revision() != models.last.revision())
      LongformRuntime.shutdown()
    }
  }

  test("two GGUF files of one commit are two revisions") {
    using { folder =>
      val commit = folder.resolve("snapshots").resolve("0123456789" * 4)
      def revision(path: Path) = ModelRevision.of(new ModelLocation("m", path))
      assert(revision(commit.resolve("q4.gguf")) == s"${"0123456789" * 4}/q4.gguf")
      assert(revision(commit.resolve("big").resolve("q8.gguf")) == s"${"0123456789" * 4}/big/q8.gguf")
      assert(revision(commit) == "0123456789" * 4)
    }
  }

  test("an adapter that is named as a model is refused with the name of its base") {
    using { folder =>
      val adapter = write(folder.resolve("adapter"))
      def named = Map("model" -> adapter.toString).asJava
      refused(
        ErrorClass.INVALID_MODEL,
        "it is an adapter without the model that it changes. Name that model, and this as its adapter."
      )(LongformRuntime.validate(named))
      val config = adapter.resolve("adapter_config.json")
      Files.writeString(
        config,
        Files.readString(config).replace("{", s"""{"base_model_name_or_path": "org/${"n" * 1000}",""")
      )
      refused(ErrorClass.INVALID_MODEL, "Name that model ('org/nnn")(LongformRuntime.validate(named))
      Files.writeString(config, Files.readString(config).replaceAll("n{999,}", "base"))
      for (
        body <- Seq[() => Any](
          () => LongformRuntime.validate(named),
          () => new ModelLocation("m", adapter).open()
        )
      )
        refused(ErrorClass.INVALID_MODEL, "Name that model ('org/base'), and this as its adapter.")(body())
      Files.writeString(config, "{")
      refused(ErrorClass.INVALID_MODEL, "it is not JSON")(LongformRuntime.validate(named))
    }
  }

  test("an adapter that is not there, or does not fit, is refused before anything is read") {
    using { folder =>
      refused(ErrorClass.INVALID_MODEL, "there is no such directory or file")(
        LongformRuntime.validate(options(folder.resolve("none")))
      )
      refused(ErrorClass.INVALID_MODEL, "the directory has no config.json")(
        LongformRuntime.validate(options(folder))
      )
      refused(ErrorClass.INVALID_MODEL, "adapter_config.json': the file does not exist")(
        LongformRuntime.validate(options(BundledModels.localDirectory("longform-tiny")))
      )
      val narrow = write(folder.resolve("narrow"), width = 191)
      refused(ErrorClass.INVALID_MODEL, "has shape [1, 191], expected [1, 192]")(
        LongformRuntime.validate(options(narrow))
      )
      LongformRuntime.validate(options(write(folder.resolve("adapter"))))
    }
  }

  test("an adapter is allowed where a model is") {
    using { folder =>
      val adapter = write(folder.resolve("allowed").resolve("adapter"))
      val locations = new ModelLocations
      def locate(root: Path) =
        locations.locate(
          adapter.toString,
          new ModelPlaces(
            Optional.empty(),
            Optional.of(List(root.toString).asJava),
            Optional.empty(),
            Optional.empty()
          )
        )
      assert(locate(folder.resolve("allowed")).path() == adapter)
      refused(ErrorClass.INVALID_OPTION, "this application allows only its own model")(
        locate(folder.resolve("other"))
      )
    }
  }

  test("an adapter in a store is copied like a model") {
    using { folder =>
      val source = write(folder.resolve("source"))
      val cache = folder.resolve("cache")
      val copy = new ModelCache(cache).fetch(s"shelf:$source", new FolderStore)
      assert(Files.exists(copy.resolve("adapter_config.json")))
      val location = ModelLocation.resolve("longform-tiny").`with`(copy)
      assert(location.spec().hidden() == 128)
      assert(location.bytes() > ModelLocation.resolve("longform-tiny").bytes())
      assert(BundledModels.names().contains(location.name()))
    }
  }
}
