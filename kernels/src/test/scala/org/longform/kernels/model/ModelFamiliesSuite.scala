package org.longform.kernels.model

import java.nio.file.{Files, Path}
import java.util.{Map => JMap}

import scala.collection.JavaConverters._

import org.longform.kernels.attention.PositionEncoding.{Alibi, Rope}
import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.device.{Activation, Devices, Kernels}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.DecoderSpec.Trait
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model.gradient.{LayerParameters, LossGradients}
import org.longform.kernels.tensor.DType
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** What each family reads from its config, and that all of them decode, convert and refuse alike on all
  * devices. What they compute is compared with an implementation of its own elsewhere.
  */
class ModelFamiliesSuite extends AnyFunSuite {
  private def spec(family: String, more: String = ""): DecoderSpec = {
    TempDirectory.use(TinyFamilies.named(family).altered(more).spec)
  }

  private def refusal(family: String, more: String, errorClass: ErrorClass): String = {
    val refused = intercept[LongformException](spec(family, more))
    assert(refused.errorClass() === errorClass)
    assert(refused.getMessage.startsWith("Cannot load model '"))
    refused.getMessage
  }

  private def windows(spec: DecoderSpec): Seq[Long] = spec.reaches().asScala.map(_.window())

  private val no = LayerReach.UNLIMITED

  test("every family of the list has a tiny model here, but Llama, which has its own") {
    assert(TinyFamilies.ALL.map(_.name).toSet + "llama" === ModelFamilies.ALL.asScala.map(_.name()).toSet)
  }

  test("which layers have a window") {
    assert(windows(spec("mistral")) === Seq(9, 9, 9, 9))
    assert(windows(spec("mistral", ""","sliding_window":null""")) === Seq(no, no, no, no))
    assert(windows(spec("qwen2")) === Seq(no, no, 9, 9))
    assert(windows(spec("qwen2", ""","use_sliding_window":false""")) === Seq(no, no, no, no))
    assert(windows(spec("qwen2", ""","max_window_layers":0""")) === Seq(9, 9, 9, 9))
    val types =
      ""","layer_types":["sliding_attention","full_attention","full_attention","sliding_attention"]"""
    assert(windows(spec("qwen2", types)) === Seq(9, no, no, 9))
    assert(windows(spec("gemma2")) === Seq(9, no, 9, no))
    assert(windows(spec("gemma3_text", ""","sliding_window_pattern":3""")) === Seq(9, 9, no, 9))
    assert(windows(spec("gemma3_text", types)) === Seq(9, no, no, 9))
    assert(
      windows(spec("smollm3", ""","use_sliding_window":true,"sliding_window":7""")) === Seq(no, no, no, 7)
    )
    assert(spec("gemma2").lastFarLayer() === 3)
    assert(spec("gemma3_text", ""","sliding_window_pattern":3""").lastFarLayer() === 2)
    assert(spec("mistral").lastFarLayer() === 3)
  }

  test("layer types that are unknown or too few are refused") {
    assert(
      refusal("qwen2", ""","layer_types":["chunked_attention","x","x","x"]""", ErrorClass.UNSUPPORTED_MODEL)
        .contains(
          "layer_types = 'chunked_attention', which is unknown (known: full_attention, sliding_attention)"
        )
    )
    assert(
      refusal("qwen2", ""","layer_types":["full_attention"]""", ErrorClass.INVALID_MODEL)
        .contains("expected a word for each of 4 layers")
    )
    assert(
      refusal("smollm3", ""","no_rope_layers":[1,0]""", ErrorClass.INVALID_MODEL)
        .contains("no_rope_layers = [1, 0], expected true or false for each of 4 layers")
    )
    assert(
      refusal("smollm3", ""","no_rope_layers":[1,0,2,1]""", ErrorClass.INVALID_MODEL).contains(
        "no_rope_layers"
      )
    )
  }

  test("biases and tied matrices follow the family's own defaults") {
    assert(spec("qwen2").traits().asScala.toSet === Set(Trait.QKV_BIAS))
    assert(spec("qwen2", ""","tie_word_embeddings":true""").has(Trait.TIED_EMBEDDINGS))
    assert(spec("gemma2").has(Trait.TIED_EMBEDDINGS))
    assert(!spec("gemma2", ""","tie_word_embeddings":false""").has(Trait.TIED_EMBEDDINGS))
    assert(spec("mpt").has(Trait.TIED_EMBEDDINGS))
    assert(
      spec("qwen3", ""","attention_bias":true""").traits().asScala.toSet === Set(
        Trait.QKV_BIAS,
        Trait.OUTPUT_BIAS
      )
    )
  }

  test("a head of Qwen 3 has 128 dimensions where the file does not tell") {
    assert(spec("qwen3", ""","head_dim":null""").headDim() === 128)
  }

  test("longrope has one list within the first window and another beyond it, and one factor for both") {
    val phi = spec("phi3")
    assert(phi.trainedWindow() === 16)
    val near = phi.rope().encoding(16)
    val far = phi.rope().encoding(17)
    val plain = Rope.plain(8, 10000).inverseFrequencies()
    for (i <- 0 until 4) {
      assert(math.abs(near.inverseFrequencies()(i) - plain(i) / (1.25 + 0.25 * i)) < 1e-12)
      assert(math.abs(far.inverseFrequencies()(i) - plain(i) / (2.5 + 0.5 * i)) < 1e-12)
    }
    // 128 / 16 times longer
    assert(math.abs(near.attentionFactor() - math.sqrt(1 + math.log(8) / math.log(16))) < 1e-12)
    assert(far.attentionFactor() === near.attentionFactor())
    val short = """,
      "rope_scaling":{"type":"su","short_factor":[1,1],"long_factor":[1,1,1,1]}"""
    assert(
      refusal("phi3", short, ErrorClass.INVALID_MODEL).contains(
        "short_factor = [1, 1], expected 4 numbers above 0"
      )
    )
  }

  test("Gemma's factors: root of the width in the numbers of the file, scale of q·k, soft caps") {
    assert(spec("gemma2").design().scales().embedding() === math.sqrt(24).toFloat.toDouble)
    // 4.898979 between 4.875 and 4.90625
    assert(spec("gemma2", ""","torch_dtype":"bfloat16"""").design().scales().embedding() === 4.90625)
    assert(spec("gemma3_text", ""","dtype":"float16"""").design().scales().embedding() === 4.8984375)
    assert(math.abs(spec("gemma2", ""","query_pre_attn_scalar":144""").attentionScale() - 1.0 / 12) < 1e-15)
    assert(spec("gemma2").design().softCaps() === new LayerDesign.SoftCaps(50, 30))
    val none = ""","attn_logit_softcapping":null,"final_logit_softcapping":null"""
    assert(spec("gemma2", none).design().softCaps() === LayerDesign.SoftCaps.NONE)
    assert(spec("gemma3_text").design().softCaps() === LayerDesign.SoftCaps.NONE)
    assert(spec("gemma3_text", ""","final_logit_softcapping":20.0""").design().softCaps().logits() === 20)
    assert(spec("gemma2").design().activation() === Activation.GELU_TANH)
  }

  test("Gemma 3 rotates layers with a window by a base of their own, which is never scaled") {
    val scaled =
      ""","rope_theta":1000000.0,"rope_local_base_freq":5000.0,"rope_scaling":{"rope_type":"linear","factor":8.0}"""
    val gemma = spec("gemma3_text", scaled)
    val Seq(local, global) =
      gemma.encodings(10).asScala.take(2).map(_.asInstanceOf[Rope].inverseFrequencies().toSeq)
    assert(local === Rope.plain(8, 5000).inverseFrequencies().toSeq)
    assert(global === Rope.plain(8, 1e6).inverseFrequencies().toSeq.map(_ / 8))
    val sections = """,
      "rope_parameters":{"full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":1000000.0},
      "sliding_attention":{"rope_type":"default","rope_theta":5000.0}}"""
    val newer = spec("gemma3_text", sections)
    assert(
      newer.encodings(10).asScala.map(_.asInstanceOf[Rope].inverseFrequencies().toSeq).take(2) === Seq(
        local,
        global
      )
    )
    assert(
      refusal("gemma3_text", ""","use_bidirectional_attention":true""", ErrorClass.UNSUPPORTED_MODEL)
        .contains("use_bidirectional_attention = 'true', which is unknown (known: false)")
    )
  }

  test("SmolLM 3 rotates nothing in every fourth layer, or where the file says so") {
    def rotated(more: String) =
      spec("smollm3", more).encodings(5).asScala.map(_.asInstanceOf[Rope].pairs() > 0)
    assert(rotated("") === Seq(true, true, true, false))
    assert(rotated(""","no_rope_layers":[0,1,1,0]""") === Seq(false, true, true, false))
    assert(rotated(""","no_rope_layer_interval":2""") === Seq(true, false, true, false))
  }

  test("MPT's slopes, for numbers of heads that are powers of two and others") {
    def slopes(heads: Int) = AlibiSpec.of(heads, 8).encoding(1).asInstanceOf[Alibi].slopes().toSeq
    assert(slopes(4) === Seq(0.25, 0.0625, 0.015625, 0.00390625))
    // of those for 8 heads every second one, then the others
    assert(slopes(6) === Seq(2, 4, 6, 8, 1, 3).map(i => math.pow(2, -i.toDouble)))
    assert(slopes(1) === Seq(math.pow(2, -8)))
  }

  test("what the engine cannot compute of MPT and GPT-J is refused") {
    val attention = """,
      "attn_config":{"alibi":false}"""
    assert(refusal("mpt", attention, ErrorClass.UNSUPPORTED_MODEL).contains("attn_config.alibi = 'false'"))
    assert(refusal("mpt", ""","no_bias":false""", ErrorClass.UNSUPPORTED_MODEL).contains("no_bias = 'false'"))
    assert(refusal("mpt", ""","d_model":-1""", ErrorClass.INVALID_MODEL).contains("d_model = -1"))
    assert(
      refusal("gptj", ""","rotary_dim":12""", ErrorClass.INVALID_MODEL)
        .contains("rotary_dim = 12, expected an even number of at most 8")
    )
    assert(
      refusal("gptj", ""","n_head":5""", ErrorClass.INVALID_MODEL).contains(
        "n_head = 5, which does not divide n_embd"
      )
    )
    assert(
      refusal("mixtral", ""","num_experts_per_tok":6""", ErrorClass.INVALID_MODEL)
        .contains("num_experts_per_tok = 6, expected at most 5")
    )
    assert(
      refusal("granite", ""","hidden_act":"relu"""", ErrorClass.UNSUPPORTED_MODEL).contains(
        "hidden_act = 'relu'"
      )
    )
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
