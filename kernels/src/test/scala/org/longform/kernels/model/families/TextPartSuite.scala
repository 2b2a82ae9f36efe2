package org.longform.kernels.model.families

import java.nio.file.{Files, Path}

import com.fasterxml.jackson.databind.node.ObjectNode
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model.{DecoderSpec, RopeScaling, StoredModel}
import org.longform.kernels.tensor.Memory
import org.longform.kernels.weights.{TempDirectory, TensorList}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** Checkpoints that see, too: of them the text part is read, as if it were alone. */
class TextPartSuite extends AnyFunSuite {
  private val json = new ObjectMapper()
  private val text: Array[Int] = tokens(30, 101, 7)

  private def family(name: String): FamilyCase = FamilyCases.ALL.find(_.name == name).get

  private val gemma = family("Gemma 3 with stretched positions")
  private val listed = family("Gemma 3 270M with listed layers")
  private val mistral = family("Mistral Nemo")

  // as transformers wrote it before 4.52, and since
  private val before: String => String = "language_model." + _
  private val since: String => String = name =>
    if (name.startsWith("model.")) "model.language_model." + name.stripPrefix("model.") else name

  private val others =
    Seq("vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", "multi_modal_projector.norm.weight")

  /** The checkpoint with parts beside it that see. */
  private def seeing(
      of: FamilyCase,
      architecture: String,
      naming: String => String = before,
      parts: Seq[String] = others
  ): Checkpoint = {
    val own = json.readTree(of.checkpoint.config).asInstanceOf[ObjectNode]
    own.remove("architectures")
    val whole = json.createObjectNode()
    whole.putArray("architectures").add(architecture)
    whole.put("model_type", "sees")
    for (key <- Seq("torch_dtype", "dtype", "quantization_config") if own.has(key))
      whole.set[JsonNode](key, own.remove(key))
    whole.set[JsonNode]("text_config", own)
    whole.putObject("vision_config").put("hidden_size", 1152).put("model_type", "siglip_vision_model")
    val seen = parts.map(name => NamedTensor(name, Seq(3), Array(0.5, 0.25, 0.125)))
    Checkpoint(
      json.writeValueAsString(whole),
      of.checkpoint.tensors.map(t => t.copy(name = naming(t.name))) ++ seen,
      of.checkpoint.dtype
    )
  }

  private def requireAlike(of: FamilyCase, path: Path): Unit =
    assert(difference(logits(path, text), of.naive(text.toSeq).last) < 2e-5)

  for {
    (of, architecture) <- Seq(
      gemma -> "Gemma3ForConditionalGeneration",
      listed -> "Gemma3ForConditionalGeneration",
      mistral -> "Mistral3ForConditionalGeneration"
    )
    (when, naming) <- Seq("before 4.52" -> before, "since 4.52" -> since)
  }
    test(s"${of.name} as the text part of $architecture, named as $when, has its own logits") {
      TempDirectory.use { directory =>
        val parts = if (when == "before 4.52") others else others.map("model." + _)
        val path = seeing(of, architecture, naming, parts).write(directory)
        requireAlike(of, path)
        opened(path) { model =>
          val alone = opened(of.checkpoint.write(Files.createDirectory(directory.resolve("alone"))))(m =>
            (m.spec(), m.weights().names().asScala.toSet)
          )
          assert(model.spec() === alone._1)
          assert(model.weights().names().asScala.toSet === alone._2)
          assert(model.problems(3).isEmpty)
          assert(
            model.weights().storageNotes().asScala === Seq(
              "Text alone is read: 2 tensors of other parts (multi_modal_projector, vision_tower) are not"
            )
          )
        }
        val files = TensorList.of(path)
        assert(StoredModel.read(path, files).tensors().size() === files.tensors().size() - 2)
      }
    }

  test("what is written of it is a model of text alone") {
    TempDirectory.use { directory =>
      val source =
        seeing(gemma, "Gemma3ForConditionalGeneration").write(Files.createDirectory(directory.resolve("a")))
      val copy = rewrite(source, directory.resolve("b"))(identity)
      val config = json.readTree(copy.resolve("config.json").toFile)
      assert(config.path("architectures").path(0).asText() === "Gemma3ForCausalLM")
      assert(config.path("model_type").asText() === "gemma3_text")
      assert(!config.has("text_config") && !config.has("vision_config"))
      val file = rewrite(source, directory.resolve("c.gguf"))(identity)
      for (path <- Seq(copy, file)) assert(StoredModel.spec(path).layers() === 7)
      requireAlike(gemma, file)
    }
  }

  private def spec(config: String): DecoderSpec = TempDirectory.use { directory =>
    Files.writeString(directory.resolve("config.json"), config)
    StoredModel.spec(directory)
  }

  test("what the published configs leave out is what their classes mean") {
    val small = spec("""{
      "architectures": ["Gemma3ForConditionalGeneration"],
      "boi_token_index": 255999,
      "eos_token_id": [1, 106],
      "model_type": "gemma3",
      "text_config": {
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "model_type": "gemma3_text",
        "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        "sliding_window": 1024
      },
      "torch_dtype": "bfloat16",
      "vision_config": {"hidden_size": 1152}
    }""")
    assert(small.vocabulary() === 262208)
    assert(small.layer(0).heads() === 8 && small.layer(0).kvHeads() === 4 && small.headDim() === 256)
    assert(small.hidden() === 2560 && small.layers() === 34 && small.intermediate(33) === 10240)
    assert(small.trainedWindow() === 131072)
    assert(small.rope().theta() === 1e6 && small.rope().scaling() === new RopeScaling.Linear(8))
    assert(small.reaches().get(0).window() === 1024)
    assert(small.reaches().get(5).window() > 131072)
    assert(small.design().scales().embedding() === 50.5)
    assert(small.has(DecoderSpec.Trait.TIED_EMBEDDINGS))

    val bare = spec(
      """{"architectures":["Gemma3ForConditionalGeneration"],"text_config":{"model_type":"gemma3_text"}}"""
    )
    assert(bare.hidden() === 2304 && bare.layers() === 26 && bare.intermediate(0) === 9216)
    assert(bare.reaches().get(0).window() === 4096)

    val mistral = spec("""{
      "architectures": ["Mistral3ForConditionalGeneration"],
      "model_type": "mistral3",
      "text_config": {"head_dim": 128, "hidden_size": 5120, "intermediate_size": 32768, "model_type": "mistral",
        "num_hidden_layers": 40, "rms_norm_eps": 1e-05, "rope_theta": 1000000000.0, "sliding_window": null,
        "vocab_size": 131072},
      "tie_word_embeddings": true
    }""")
    assert(mistral.layer(0).heads() === 32 && mistral.layer(0).kvHeads() === 8 && mistral.headDim() === 128)
    assert(mistral.reaches().get(0).window() > 131072, "null is no window, whatever the class means")
    assert(!mistral.has(DecoderSpec.Trait.TIED_EMBEDDINGS), "the word of the whole is not that of the text")
    assert(mistral.trainedWindow() === 131072)
  }

  test("a head of its own is told by the whole or by the text part") {
    for (place <- Seq("}, \"tie_word_embeddings\": false", ", \"tie_word_embeddings\": false}")) {
      val untied = spec(
        s"""{"architectures":["Gemma3ForConditionalGeneration"],"text_config":{"model_type":"gemma3_text"$place}"""
      )
      assert(!untied.has(DecoderSpec.Trait.TIED_EMBEDDINGS))
    }
  }

  private def refused(errorClass: ErrorClass, part: String)(write: Path => Any): Unit =
    TempDirectory.use { directory =>
      write(directory)
      val before = Memory.allocatedBytes()
      val error =
        intercept[LongformException](withDecoderAt(directory, new ReferenceDevice().open(1))(identity))
      assert(error.errorClass === errorClass, error.getMessage)
      assert(error.getMessage.contains(part), error.getMessage)
      assert(error.getMessage.length < 700)
      assert(Memory.allocatedBytes() === before)
      ()
    }

  private def config(textConfig: String)(directory: Path): Any = {
    val more = if (textConfig.isEmpty) "" else s""","text_config":$textConfig"""
    Files.writeString(
      directory.resolve("config.json"),
      s"""{"architectures":["Mistral3ForConditionalGeneration"]$more}"""
    )
  }

  test("a text part that is missing, or of another kind, is refused by name") {
    val (invalid, unsupported) = (ErrorClass.INVALID_MODEL, ErrorClass.UNSUPPORTED_MODEL)
    refused(invalid, "config.json lacks text_config, expected an object that describes the text part")(
      config("")
    )
    refused(invalid, "text_config = [1], expected an object")(config("[1]"))
    refused(unsupported, "text_config.model_type = 'ministral3', which is unknown (known: mistral)")(
      config("""{"model_type":"ministral3"}""")
    )
    refused(invalid, "text_config.model_type = 3, expected a text")(config("""{"model_type":3}"""))
    refused(invalid, "text_config.hidden_size = -1, expected a whole number")(
      config("""{"model_type":"mistral","hidden_size":-1}""")
    )
    refused(invalid, "tie_word_embeddings = no, expected true or false") { directory =>
      Files.writeString(
        directory.resolve("config.json"),
        """{"architectures":["Mistral3ForConditionalGeneration"],"text_config":{},"tie_word_embeddings":"no"}"""
      )
    }
  }

  test("a weight that is there under both names, or under neither, is refused by name") {
    val both = seeing(gemma, "Gemma3ForConditionalGeneration")
    refused(ErrorClass.INVALID_MODEL, "which are the same weight of the text part") { directory =>
      val norm = both.tensor("language_model.model.norm.weight")
      both
        .copy(tensors = both.tensors :+ norm.copy(name = "model.language_model.norm.weight"))
        .write(directory)
    }
    refused(ErrorClass.INVALID_MODEL, "tensor 'language_model.model.norm.weight' [64] is missing") {
      directory =>
        both.copy(tensors = both.tensors.filterNot(_.name.endsWith("model.norm.weight"))).write(directory)
    }
    refused(
      ErrorClass.INVALID_MODEL,
      "tensor 'language_model.model.norm.weight' has shape [63], expected [64]"
    ) { directory =>
      both
        .altered(t =>
          if (t.name.endsWith("model.norm.weight")) t.copy(shape = Seq(63), values = t.values.take(63)) else t
        )
        .write(directory)
    }
  }
}
