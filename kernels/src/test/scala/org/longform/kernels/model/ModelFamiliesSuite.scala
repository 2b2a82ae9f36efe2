package org.longform.kernels.model

import java.nio.file.{Files, Path}
import java.util.{Map => JMap}

import scala.collection.JavaConverters._

import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.device.{Devices, Kernels}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model.gradient.{LayerParameters, LossGradients}
import org.longform.kernels.tensor.DType
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** All families decode, convert and refuse alike on all devices. What they compute is compared with an
  * implementation of its own elsewhere.
  */
class ModelFamiliesSuite extends AnyFunSuite {
  test("every family of the list has a tiny model here, but Llama, which has its own") {
    assert(TinyFamilies.ALL.map(_.name).toSet + "llama" === ModelFamilies.ALL.asScala.map(_.name()).toSet)
  }

  private def logits(path: Path, kernels: Kernels, ids: Array[Int], chunk: Int, steps: Int): Array[Float] = {
    val decoder = Decoder.load(path, kernels)
    try
      withSession(decoder, full(decoder, chunk)) { session =>
        session.feed(ids, 0, ids.length - steps)
        session.flush()
        ids.takeRight(steps).foreach(session.step)
        session.logits()
      }
    finally decoder.close()
  }

  private val reference = Devices.choose("reference").open(1)

  for (tiny <- TinyFamilies.ALL) {
    test(
      s"${tiny.name}: read at once, in blocks and token by token, on every device, the logits are the same"
    ) {
      TempDirectory.use { directory =>
        tiny.write(directory)
        val ids = tokens(40, 64, 3)
        val expected = logits(directory, reference, ids, 64, 0).map(_.toDouble)
        assert(expected.max - expected.min > 1e-3)
        // longrope turns what was read in its window otherwise than a longer text
        val ways = if (tiny.name == "phi3") Seq((64, 0)) else Seq((64, 0), (7, 3))
        for (device <- Devices.ALL.asScala if !device.whyUnavailable().isPresent; (chunk, steps) <- ways) {
          val found = logits(directory, device.open(2), ids, chunk, steps)
          assert(
            difference(found, expected) < 2e-4,
            s"${device.name()}, blocks of $chunk, $steps tokens alone"
          )
        }
      }
    }

    test(s"${tiny.name}: another token far back changes the last logits, unless no layer reaches it") {
      TempDirectory.use { directory =>
        tiny.write(directory)
        val ids = tokens(60, 64, 4)
        val other = ids.updated(1, (ids(1) + 1) % 64)
        val change = difference(
          logits(directory, reference, other, 64, 0),
          logits(directory, reference, ids, 64, 0).map(_.toDouble)
        )
        // four layers of 9 tokens reach 32 back, of 11 tokens 40
        if (Set("mistral", "phi3")(tiny.name)) assert(change === 0.0) else assert(change > 1e-7)
      }
    }

    test(s"${tiny.name}: sessions that decode together get what each gets alone") {
      TempDirectory.use { directory =>
        tiny.write(directory)
        val decoder = Decoder.load(directory, Devices.choose("auto").open(2))
        try {
          val texts = Seq(tokens(12, 64, 5), tokens(30, 64, 6))
          def open(ids: Array[Int]) = {
            val session = decoder.open(full(decoder, 16))
            session.feed(ids, 0, ids.length)
            session.flush()
            session
          }
          val alone = texts.map { ids =>
            val session = open(ids)
            try decoder.batcher().read(session, 7).toSeq
            finally session.close()
          }
          val sessions = texts.map(open)
          try {
            val steps = sessions.map(new DecodeStep(_, 7))
            decoder.batcher().read(steps.asJava)
            assert(steps.map(_.logits().toSeq) === alone)
            sessions.foreach(decoder.batcher().leave)
            // a guess behind the next token is what the token is
            val guessed = new DecodeStep(sessions.head, TokenTree.chain(9, 11))
            decoder.batcher().read(java.util.Collections.singletonList(guessed))
            val row = guessed.logits(1).toSeq
            guessed.settle()
            decoder.batcher().leave(sessions.head)
            assert(decoder.batcher().read(sessions.head, 11).toSeq === row)
          } finally sessions.foreach(_.close())
        } finally decoder.close()
      }
    }
  }

  private def convert(from: Path, dtype: DType, target: Path): Path = {
    val model = StoredModel.open(from)
    try {
      val export = new ModelExport(model, dtype)
      if (target.toString.endsWith(".gguf")) export.writeGguf(target, export.ggufMetadata("tiny"))
      else {
        Files.createDirectories(target)
        export.writeSafetensors(target.resolve("model.safetensors"))
        val json = new com.fasterxml.jackson.databind.ObjectMapper().writeValueAsString(export.config())
        Files.writeString(target.resolve("config.json"), json)
      }
      target
    } finally model.close()
  }

  // what GGUF has words for
  private val sayable = Map(
    "mistral" -> ""","sliding_window":null""",
    "qwen2" -> ""","use_sliding_window":false""",
    "gemma3_text" -> ""","sliding_window_pattern":6"""
  )

  for (tiny <- TinyFamilies.ALL if tiny.name != "gptj")
    test(s"${tiny.name}: written as GGUF and as a directory it computes the same") {
      TempDirectory.use { directory =>
        val original = tiny
          .altered(sayable.getOrElse(tiny.name, ""))
          .write(Files.createDirectory(directory.resolve("original")))
        val ids = tokens(40, 64, 3)
        val expected = logits(original, reference, ids, 64, 0).map(_.toDouble)
        val gguf = convert(original, DType.F32, directory.resolve("model.gguf"))
        assert(difference(logits(gguf, reference, ids, 64, 0), expected) < 1e-5)
        val again = convert(original, DType.F32, directory.resolve("again"))
        assert(difference(logits(again, reference, ids, 64, 0), expected) < 1e-6)
        val twice = convert(gguf, DType.F32, directory.resolve("twice.gguf"))
        assert(difference(logits(twice, reference, ids, 64, 0), expected) < 1e-5)
      }
    }

  test("what GGUF has no word for is not written") {
    TempDirectory.use { directory =>
      val original = TinyFamilies.named("mistral").write(directory)
      val refused =
        intercept[LongformException](convert(original, DType.F32, directory.resolve("model.gguf")))
      assert(refused.errorClass() === ErrorClass.UNSUPPORTED_MODEL)
      assert(
        refused.getMessage.endsWith(
          "GGUF has no words for its factors, windows or positions. Use the model as it is."
        )
      )
      assert(!Files.exists(directory.resolve("model.gguf")))
    }
  }

  test("a GGUF file that could not be read, or would say another number, is not left behind") {
    def refused(more: String, errorClass: ErrorClass, part: String): Unit = TempDirectory.use { directory =>
      val llama = TinyFamilies.of("llama", "LlamaForCausalLM").altered(more).write(directory)
      val file = directory.resolve("model.gguf")
      val error = intercept[LongformException](convert(llama, DType.F32, file))
      assert(error.errorClass() === errorClass, error.getMessage)
      assert(error.getMessage.contains(part), error.getMessage)
      assert(!Files.exists(file))
    }
    // it is zero as a float32
    refused(
      ""","rms_norm_eps":1e-50""",
      ErrorClass.INVALID_MODEL,
      "llama.attention.layer_norm_rms_epsilon = 0.0, expected a number above 0"
    )
    refused(
      ""","max_position_embeddings":8589934592""",
      ErrorClass.UNSUPPORTED_MODEL,
      "llama.context_length = 8589934592 is more than the 4294967295 that GGUF has room for"
    )
  }

  test("every context reads with every family, far beyond the windows of layers and model") {
    // the defaults of contexts need a window of some length
    for (tiny <- TinyFamilies.ALL if tiny.name != "phi3") TempDirectory.use { directory =>
      tiny.write(directory)
      val decoder = Decoder.load(directory, Devices.choose("auto").open(2))
      try {
        val ids = tokens(300, 64, 8)
        for (factory <- usable(decoder.spec().trainedWindow(), decoder.spec().layers())) {
          val strategy = ContextStrategies.create(factory.name(), JMap.of(), decoder.limits())
          withSession(decoder, strategy) { session =>
            session.feed(ids, 0, ids.length)
            session.flush()
            session.step(3)
            assert(
              session.logits().forall(x => !x.isNaN && !x.isInfinite),
              s"${tiny.name} with ${factory.name()}"
            )
          }
        }
      } finally decoder.close()
    }
  }

  test("ranges of layers are refused where layers have windows or cannot be cut") {
    for (
      (family, why) <- Seq(
        "gemma2" -> "some of its layers have a window",
        "gptj" -> "both halves of its layers"
      )
    )
      TempDirectory.use { directory =>
        TinyFamilies.named(family).write(directory)
        val decoder = Decoder.load(directory, reference)
        try {
          val tokens = java.util.Collections.singletonList(new Passage.Token(1, 0, 0))
          val refused = intercept[LongformException](decoder.passage(tokens, SessionOptions.DEFAULT))
          assert(refused.errorClass() === ErrorClass.UNSUPPORTED_MODEL)
          assert(refused.getMessage.startsWith("Cannot read in ranges of layers with a model of family"))
          assert(refused.getMessage.contains(why))
        } finally decoder.close()
      }
  }

  test("gradients are refused where layers are not those of Llama") {
    for (
      (family, why) <- Seq(
        "gemma2" -> "the trait 'norms around one'",
        "mistral" -> "layers with a window of their own",
        "mixtral" -> "sparse experts",
        "granite" -> "norms, activations, factors or bounds that Llama does not have",
        "mpt" -> "the trait 'ungated'"
      )
    )
      TempDirectory.use { directory =>
        TinyFamilies.named(family).write(directory)
        val model = StoredModel.open(directory)
        try {
          val receiver = new LossGradients.Receiver {
            override def layer(layer: Int, parameters: LayerParameters): Unit = ()
          }
          val refused = intercept[LongformException](
            LossGradients.compute(model, java.util.Collections.singletonList(Array(1, 2, 3)), receiver)
          )
          assert(
            refused.getMessage ===
              s"Cannot compute gradients of a model of family '$family': it has $why. Use a model with the layers of Llama."
          )
        } finally model.close()
      }
  }
}
