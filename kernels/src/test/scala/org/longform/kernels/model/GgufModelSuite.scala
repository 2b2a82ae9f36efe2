package org.longform.kernels.model

import java.nio.file.{Files, Path}

import org.longform.datasets.models.BundledModels
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.{DType, Shape}
import org.longform.kernels.weights.{GgufMetadata, GgufWeights, GgufWriter, TempDirectory, TensorSpec}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class GgufModelSuite extends AnyFunSuite {
  private val bundled: Path = BundledModels.localDirectory("longform-tiny")

  private def withModel[A](path: Path)(body: StoredModel => A): A = {
    val model = StoredModel.open(path)
    try body(model)
    finally model.close()
  }

  private def toGguf(from: Path, dtype: DType, file: Path): Path = {
    withModel(from) { model =>
      val writer = new ModelExport(model, dtype)
      writer.writeGguf(file, writer.ggufMetadata("test"))
    }
    file
  }

  private def toDirectory(from: Path, dtype: DType, directory: Path): Path = {
    Files.createDirectories(directory)
    withModel(from) { model =>
      val writer = new ModelExport(model, dtype)
      writer.writeSafetensors(directory.resolve("model.safetensors"))
      val json = new com.fasterxml.jackson.databind.ObjectMapper().writeValueAsString(writer.config())
      Files.writeString(directory.resolve("config.json"), json)
    }
    directory
  }

  private def logits(path: Path, ids: Array[Int]): Array[Float] = {
    val decoder = Decoder.load(path, new ReferenceDevice().open(1))
    try
      withSession(decoder, full(decoder, 16)) { session =>
        session.feed(ids, 0, ids.length)
        session.flush()
        session.logits()
      }
    finally decoder.close()
  }

  private def bits(values: Array[Float]): Seq[Int] =
    values.toSeq.map(v => java.lang.Float.floatToRawIntBits(v))

  private def weights(path: Path): Map[String, Seq[Int]] = withModel(path) { model =>
    model
      .weights()
      .names()
      .asScala
      .map(name => name -> bits(model.weights().tensor(name, model.weights().shape(name).get).toArray))
      .toMap
  }

  private def refusal(path: Path): LongformException = {
    val error = intercept[LongformException](withModel(path)(identity))
    assert(error.getMessage.startsWith("Cannot load model '"))
    assert(error.getMessage.contains(path.toString))
    error
  }

  private val models = Seq(
    "untied" -> TinyModel(),
    "tied, biases, one key head" -> TinyModel(kvHeads = 1, tied = true, biases = true, seed = 2),
    "linear scaling" -> TinyModel(rope = ""","rope_scaling":{"type":"linear","factor":2.0}""", seed = 3),
    "yarn scaling" -> TinyModel(
      rope =
        ""","rope_scaling":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":16,"attention_factor":1.5}""",
      seed = 4
    ),
    "Llama 3 scaling" -> TinyModel(
      headDim = 32,
      window = 512,
      rope =
        ""","rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":64}""",
      seed = 5
    ),
    "BF16" -> TinyModel(dtype = "BF16", seed = 6)
  )

  for ((what, tiny) <- models)
    test(s"a model written as GGUF and back has the same bits and the same logits: $what") {
      TempDirectory.use { directory =>
        val original = tiny.write(Files.createDirectory(directory.resolve("original")))
        val gguf = toGguf(original, DType.F32, directory.resolve("model.gguf"))
        val back = toDirectory(gguf, DType.F32, directory.resolve("back"))
        assert(weights(back) === weights(original))
        val ids = tokens(40, tiny.vocabulary, tiny.seed)
        val expected = logits(original, ids)
        assert(difference(logits(back, ids), expected.map(_.toDouble)) < 1e-6)
        assert(difference(logits(gguf, ids), expected.map(_.toDouble)) < 2e-6)
        for (path <- Seq(gguf, back)) {
          assert(StoredModel.spec(path).trainedWindow() === StoredModel.spec(original).trainedWindow())
          assert(StoredModel.spec(path).traits() === StoredModel.spec(original).traits())
        }
        assert(StoredModel.spec(back).names() === WeightNames.HUGGING_FACE)
      }
    }

  test("queries and keys change the order of their rows as llama.cpp's converter changes it") {
    TempDirectory.use { directory =>
      val tiny = TinyModel(heads = 2, kvHeads = 1, headDim = 6)
      val original = tiny.write(Files.createDirectory(directory.resolve("original")))
      val gguf = toGguf(original, DType.F32, directory.resolve("model.gguf"))
      // reshape(heads, 2, D/2, in).swapaxes(1, 2)
      val order = Seq(0, 3, 1, 4, 2, 5)
      withModel(gguf) { model =>
        val shape = Shape.of(12, tiny.hidden.toLong)
        val found = model.weights().tensor("blk.1.attn_q.weight", shape).toArray.grouped(tiny.hidden).toSeq
        val rows =
          tiny.weights("model.layers.1.self_attn.q_proj.weight").map(_.toFloat).grouped(tiny.hidden).toSeq
        for (head <- 0 until 2; i <- 0 until 6)
          assert(found(head * 6 + i).toSeq === rows(head * 6 + order(i)).toSeq)
        val values = tiny.weights("model.layers.1.self_attn.v_proj.weight").map(_.toFloat)
        val vShape = Shape.of(6, tiny.hidden.toLong)
        assert(model.weights().tensor("blk.1.attn_v.weight", vShape).toArray.toSeq === values.toSeq)
      }
    }
  }

  test("Llama 3's scaling is found again in the divisors, and other divisors are taken as they are") {
    for (factor <- Seq(8.0, 32.0); window <- Seq(8192L, 4096L, 5000L)) {
      val scaling = new RopeScaling.Llama3(factor, 1, 4, window)
      val divisors = RopeDivisors.of(scaling, 500000, 128)
      assert(RopeDivisors.llama3(divisors, 500000).get === scaling)
      assert(!RopeDivisors.llama3(divisors, 400000).isPresent)
      divisors(40) *= 1.01f
      assert(!RopeDivisors.llama3(divisors, 500000).isPresent)
      val plain = RopeSpec.plain(500000, 128)
      val found = RopeDivisors.scaling(divisors).inverseFrequencies(500000, 128, 1)
      for (i <- plain.indices) assert(found(i) === plain(i) / divisors(i).toDouble)
    }
  }

  private val prompt: Array[Int] = tokens(60, 2048, 9)

  // largest differences of the logits of the bundled model, in units of the largest logit
  private val largestError = Map(
    DType.F32 -> 1e-5,
    // its weights are BF16, nearly all of which F16 holds exactly
    DType.F16 -> 1e-5,
    DType.BF16 -> 1e-5,
    DType.Q8_0 -> 0.025,
    DType.Q6_K -> 0.025,
    DType.Q5_0 -> 0.12,
    DType.Q4_0 -> 0.3,
    DType.Q4_K -> 0.12
  )

  for (
    dtype <- Seq(DType.F32, DType.F16, DType.BF16, DType.Q8_0, DType.Q6_K, DType.Q5_0, DType.Q4_0, DType.Q4_K)
  )
    test(s"the bundled model as GGUF of $dtype has the logits of the directory within its error") {
      TempDirectory.use { directory =>
        val gguf = toGguf(bundled, dtype, directory.resolve("model.gguf"))
        val error = difference(logits(gguf, prompt), logits(bundled, prompt).map(_.toDouble))
        assert(error < largestError(dtype))
        withModel(gguf) { model =>
          val norm = model.weights().tensor("output_norm.weight", Shape.of(128))
          assert(norm.dtype() === DType.F32)
          val up = model.weights().tensor("blk.0.ffn_up.weight", Shape.of(320, 128))
          // rows of 128 are no whole blocks of 256
          val expected = Map(DType.Q4_K -> DType.Q5_0, DType.Q6_K -> DType.Q8_0).getOrElse(dtype, dtype)
          assert(up.dtype() === expected)
          val output = model.weights().tensor("token_embd.weight", Shape.of(2048, 128)).dtype()
          assert(output === (if (dtype.isQuantised) DType.Q8_0 else dtype))
        }
      }
    }

  test("a quantised file is made from another GGUF file as from the directory") {
    TempDirectory.use { directory =>
      val direct = toGguf(bundled, DType.Q4_0, directory.resolve("direct.gguf"))
      val plain = toGguf(bundled, DType.F32, directory.resolve("plain.gguf"))
      val second = toGguf(plain, DType.Q4_0, directory.resolve("second.gguf"))
      assert(weights(second) === weights(direct))
      val again = toGguf(second, DType.Q4_0, directory.resolve("again.gguf"))
      assert(Files.readAllBytes(again) === Files.readAllBytes(second))
    }
  }

  for (dtype <- Seq(DType.Q8_0, DType.Q4_K, DType.F16))
    test(s"a random model of $dtype is written and computes finite logits") {
      TempDirectory.use { directory =>
        val shape = RandomLlama(2, 256, 4, 2, 64, 512, 300, tied = dtype == DType.Q8_0, dtype)
        val file = shape.write(directory.resolve("random.gguf"))
        val found = logits(file, tokens(9, 300, 1))
        assert(found.length === 300)
        assert(found.forall(v => !v.isNaN && !v.isInfinite) && found.distinct.length > 250)
        assert(StoredModel.spec(file).trainedWindow() === 4096)
      }
    }

  /** Writes a small model after {@code change} was made to its metadata and {@code more} to its tensors. */
  private def changed(more: TensorSpec*)(change: GgufMetadata => Any)(body: Path => Any): Unit =
    TempDirectory.use { directory =>
      val shape = RandomLlama(1, 64, 2, 2, 32, 64, 300, tied = false, DType.F32)
      val metadata = shape.metadata
      change(metadata)
      body(zeros(directory, metadata, shape.tensors ++ more))
      ()
    }

  /** A file whose weights are all zero. */
  private def zeros(directory: Path, metadata: GgufMetadata, tensors: Seq[TensorSpec]): Path = {
    val file = directory.resolve("model.gguf")
    val writer = GgufWriter.create(file, metadata, tensors.asJava)
    try {
      tensors.foreach(tensor => writer.write(new Array[Float](tensor.shape().elements().toInt)))
      writer.finish()
    } finally writer.close()
    file
  }

  private def refused(errorClass: ErrorClass, part: String, more: TensorSpec*)(
      change: GgufMetadata => Any
  ): Unit =
    changed(more: _*)(change) { file =>
      val error = refusal(file)
      assert(error.errorClass === errorClass, error.getMessage)
      assert(error.getMessage.contains(part), s"'$part' is not in: ${error.getMessage}")
    }

  test("metadata that is missing, wrong or not understood is refused with its key in the file's words") {
    val invalid = ErrorClass.INVALID_MODEL
    val unsupported = ErrorClass.UNSUPPORTED_MODEL
    changed()(identity)(file => assert(StoredModel.spec(file).layers() === 1))
    refused(unsupported, "architecture 'mamba' is unknown (known: llama, qwen2, ")(
      _.putText("general.architecture", "mamba")
    )
    refused(invalid, "its metadata has llama.embedding_length = 0, expected a whole number")(
      _.putUint32("llama.embedding_length", 0)
    )
    refused(invalid, "its metadata has llama.block_count = 4000000000, expected")(
      _.putUint32("llama.block_count", 4000000000L)
    )
    refused(invalid, "llama.block_count = 2000000000, expected at most the number of its tensors, 12")(
      _.putUint32("llama.block_count", 2000000000L)
    )
    refused(invalid, "llama.attention.head_count = x, expected a whole number")(
      _.putText("llama.attention.head_count", "x")
    )
    refused(invalid, "llama.attention.head_count_kv = [1, 2], expected a whole number")(
      _.putInt32s("llama.attention.head_count_kv", Array(1L, 2L))
    )
    refused(invalid, "llama.rope.dimension_count = 66, expected an even number of at most 32")(
      _.putUint32("llama.rope.dimension_count", 66)
    )
    refused(unsupported, "tensor 'blk.0.ffn_down.weight', which family mixtral does not have")(
      _.putUint32("llama.expert_count", 8)
    )
    refused(unsupported, "heads of 32 dimensions for keys and 64 for values")(
      _.putUint32("llama.attention.value_length", 64)
    )
    refused(unsupported, "llama.rope.scaling.type = 'spiral', which is unknown")(
      _.putText("llama.rope.scaling.type", "spiral")
    )
    refused(invalid, "lacks llama.rope.scaling.factor")(_.putText("llama.rope.scaling.type", "linear"))
    refused(unsupported, "a factor of 2.0 on the attention without yarn scaling")(
      _.putFloat32("llama.rope.scaling.attn_factor", 2)
    )
    refused(
      unsupported,
      "tensor 'blk.0.attn_q_norm.weight', which family llama does not have",
      new TensorSpec("blk.0.attn_q_norm.weight", DType.F32, Shape.of(32))
    )(identity)
    refused(
      invalid,
      "tensor 'rope_freqs.weight' that holds 0.0, expected finite numbers above 0",
      new TensorSpec("rope_freqs.weight", DType.F32, Shape.of(16))
    )(identity)
  }

  test("a scaling that llama.cpp does not know, or that is told in two ways, is refused") {
    val invalid = ErrorClass.INVALID_MODEL
    val unsupported = ErrorClass.UNSUPPORTED_MODEL
    val Seq(one, near, far) = Seq("rope_freqs", "rope_factors_short", "rope_factors_long").map { name =>
      new TensorSpec(name + ".weight", DType.F32, Shape.of(16))
    }
    def typed(word: String) = (_: GgufMetadata).putText("llama.rope.scaling.type", word)
    for (word <- Seq("llama3", "dynamic"))
      refused(
        unsupported,
        s"llama.rope.scaling.type = '$word', which is unknown (known: none, linear, yarn, longrope)"
      )(typed(word))
    refused(invalid, "its metadata has llama.rope.scaling.type = 4, expected a text")(
      _.putUint32("llama.rope.scaling.type", 4)
    )
    refused(
      invalid,
      "its metadata tells a scaling of type 'longrope' and goes without tensors 'rope_factors_short.weight' and 'rope_factors_long.weight'"
    )(typed("longrope"))
    def half(there: String, missing: String) =
      s"goes with tensor 'rope_factors_$there.weight' and without 'rope_factors_$missing.weight', expected both"
    refused(invalid, half("short", "long"), near)(identity)
    refused(invalid, half("long", "short"), far)(typed("longrope"))
    refused(
      unsupported,
      "goes with tensors 'rope_freqs.weight' and 'rope_factors_long.weight', expected one of them",
      one,
      near,
      far
    )(identity)
    refused(
      unsupported,
      "has a scaling of type 'linear' beside tensor 'rope_factors_long.weight', expected one of them",
      near,
      far
    )(_.putFloat32("llama.rope.scaling.factor", 2))
    refused(
      unsupported,
      "has a scaling of type 'yarn' beside tensor 'rope_freqs.weight', expected one of them",
      one
    )(typed("yarn")(_).putFloat32("llama.rope.scaling.factor", 2))
  }

  test("any even number of dimensions of a head may be rotated") {
    // as a part of 44, 30 becomes a number just below it
    for (dims <- 2 to 44 by 2) TempDirectory.use { directory =>
      val shape = RandomLlama(1, 88, 2, 2, 44, 64, 300, tied = true, DType.F32)
      val metadata = shape.metadata.putUint32("llama.rope.dimension_count", dims.toLong)
      assert(StoredModel.spec(zeros(directory, metadata, shape.tensors)).rope().rotaryDims() === dims)
    }
  }

  test("where a file does not tell width of heads and base, those of GGUF count, not the family's") {
    def bare(architecture: String) = TempDirectory.use { directory =>
      val shape = RandomLlama(1, 64, 2, 2, 32, 64, 300, tied = true, DType.F32)
      val metadata = new GgufMetadata()
        .putText("general.architecture", architecture)
        .putUint32(s"$architecture.context_length", 4096)
        .putUint32(s"$architecture.embedding_length", 64)
        .putUint32(s"$architecture.block_count", 1)
        .putUint32(s"$architecture.feed_forward_length", 64)
        .putUint32(s"$architecture.attention.head_count", 2)
        .putFloat32(s"$architecture.attention.layer_norm_rms_epsilon", 1e-5)
      StoredModel.spec(zeros(directory, metadata, shape.tensors))
    }
    assert(bare("gemma").headDim() === 32)
    assert(bare("smollm3").rope().theta() === 10000.0)
  }

  test("a number for each layer that is the same everywhere is one number") {
    changed()(_.putInt32s("llama.attention.head_count_kv", Array(2L, 2L))) { file =>
      assert(StoredModel.spec(file).layer(0).kvHeads() === 2)
    }
  }

  test("a factor without a word is linear scaling, as in llama.cpp") {
    changed()(_.putFloat32("llama.rope.scaling.factor", 4)) { file =>
      assert(StoredModel.spec(file).rope().scaling() === new RopeScaling.Linear(4))
    }
  }

  test("a model that the other format has no word for is refused") {
    TempDirectory.use { directory =>
      val rope = ""","rope_scaling":{"type":"dynamic","factor":2.0}"""
      val tiny = TinyModel(rope = rope).write(Files.createDirectory(directory.resolve("dynamic")))
      val dynamic = intercept[LongformException](toGguf(tiny, DType.F32, directory.resolve("m.gguf")))
      assert(dynamic.errorClass === ErrorClass.UNSUPPORTED_MODEL)
      assert(dynamic.getMessage.contains("GGUF has no word for its scaling of positions (dynamic)"))
      assert(!Files.exists(directory.resolve("m.gguf")))
    }
  }

  test("a file that ends in .gguf and is none is refused as one") {
    TempDirectory.use { directory =>
      val file = Files.writeString(directory.resolve("model.gguf"), "{}")
      assert(intercept[LongformException](GgufWeights.open(file)).errorClass === ErrorClass.INVALID_MODEL)
    }
  }
}
