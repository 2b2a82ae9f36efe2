package org.longform.kernels.weights

import java.nio.ByteBuffer
import java.nio.file.{Files, Path}
import java.util.{List => JList}

import scala.collection.JavaConverters._
import scala.util.Random

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.{DType, Shape}
import org.longform.kernels.weights.GgufFiles._
import org.scalatest.funsuite.AnyFunSuite

class GgufWeightsSuite extends AnyFunSuite {
  private val ramp = Seq(0f, 1f, -2f, 0.5f, 3f, -0.25f)

  private val a = Entry("a", 0, Seq(3, 2), 0)
  private val aData = f32(ramp: _*) ++ new Array[Byte](8)

  private def file[A](bytes: Array[Byte])(body: Path => A): A = TempDirectory.use { directory =>
    body(Files.write(directory.resolve("model.gguf"), bytes))
  }

  private def opened[A](bytes: Array[Byte])(body: GgufWeights => A): A = file(bytes) { path =>
    val weights = GgufWeights.open(path)
    try body(weights)
    finally weights.close()
  }

  private def load(bytes: Array[Byte]): Array[Float] = opened(bytes)(_.tensor("a", Shape.of(2, 3)).toArray)

  private def refusal(body: => Any): String = {
    val error = intercept[LongformException](body)
    assert(error.errorClass === ErrorClass.INVALID_MODEL)
    assert(error.getMessage.startsWith("Cannot load weights from '"))
    assert(error.getMessage.contains("model.gguf"))
    error.getMessage
  }

  private def refusalOf(keys: Array[Byte]*): String = refusal(load(GgufFiles.bytes(keys, Seq(a), aData)))

  private def refusalOf(tensors: Seq[Entry], data: Int): String =
    refusal(load(GgufFiles.bytes(Nil, tensors, new Array[Byte](data))))

  private def contains(message: String, part: String): Unit =
    assert(message.contains(part), s"'$part' is not in: $message")

  test("a file of version 2 or 3 gives its tensors and all types of metadata") {
    val keys = Seq(
      key("s", STRING)(_.text("é")),
      key("u", UINT32)(_.u32(0xffffffffL)),
      key("i", INT32)(_.u32(0xffffffffL)),
      key("b", BOOL)(_.u8(1)),
      key("f", FLOAT32)(_.raw(f32(0.5f))),
      key("l", UINT64)(_.u64(1L << 40)),
      key("ts", ARRAY)(_.u32(STRING.toLong).u64(2).text("x").text("")),
      key("is", ARRAY)(_.u32(INT32.toLong).u64(2).u32(1).u32(-3)),
      key("fs", ARRAY)(_.u32(FLOAT32.toLong).u64(1).raw(f32(-2f))),
      key("bs", ARRAY)(_.u32(BOOL.toLong).u64(2).u8(0).u8(1))
    )
    for (version <- Seq(2L, 3L))
      opened(GgufFiles.bytes(keys, Seq(a), aData, version = version)) { weights =>
        assert(weights.tensor("a", Shape.of(2, 3)).toArray === ramp.toArray)
        assert(weights.shape("a").get === Shape.of(2, 3))
        assert(!weights.shape("b").isPresent && !weights.contains("b"))
        assert(weights.bytes() === 24)
        val metadata = weights.metadata()
        assert(metadata.text("s").get === "é")
        assert(metadata.integer("u").get === 0xffffffffL)
        assert(metadata.integer("i").get === -1L)
        assert(metadata.flag("b").get === true)
        assert(metadata.plain("f") === 0.5)
        assert(metadata.integer("l").get === (1L << 40))
        assert(metadata.texts("ts").get.asScala === Seq("x", ""))
        assert(metadata.integers("is").get === Array(1L, -3L))
        assert(metadata.fractions("fs").get === Array(-2.0))
        assert(metadata.plain("bs") === JList.of(false, true))
        assert(metadata.plain("none") === null)
        assert(!metadata.text("u").isPresent && !metadata.integer("s").isPresent)
      }
  }

  test("what the writer writes is read back, each type and padding in between") {
    val random = new Random(3)
    val metadata = new GgufMetadata()
      .putText("general.architecture", "llama")
      .putUint32("llama.block_count", 2)
      .putFloat32("eps", 1e-5)
      .putFlag("flag", false)
      .putTexts("tokens", JList.of("a", "ü"))
      .putInt32s("types", Array(1L, -6L))
      .putFloat32s("scores", Array(-0.5, 3))
    val tensors = DType.values().toSeq.map(t => new TensorSpec("t_" + t, t, Shape.of(3, 256))) :+
      new TensorSpec("odd", DType.F32, Shape.of(3)) :+ new TensorSpec("last", DType.F16, Shape.of(5))
    val values = tensors.map(t => Array.fill(t.shape().elements().toInt)(random.nextGaussian().toFloat))
    TempDirectory.use { directory =>
      val path = directory.resolve("model.gguf")
      val writer = GgufWriter.create(path, metadata, tensors.asJava)
      try {
        values.zip(tensors).foreach { case (each, tensor) =>
          // rows one by one, as a stream gives them
          each
            .grouped(tensor.shape().rowElements().toInt)
            .foreach(row => writer.write(row))
        }
        assert(!Files.exists(path))
        writer.finish()
      } finally writer.close()
      val weights = GgufWeights.open(path)
      try {
        assert(weights.names().asScala === tensors.map(_.name()).toSet)
        for ((tensor, expected) <- tensors.zip(values)) {
          val stored = weights.tensor(tensor.name(), tensor.shape())
          assert(stored.dtype() === tensor.dtype())
          val limit = if (tensor.dtype() == DType.F32) 0f else 0.5f
          stored.toArray.zip(expected).foreach { case (f, e) => assert(math.abs(f - e) <= limit) }
          assert(stored.address() % 32 === 0)
        }
        assert(weights.metadata().keys().asScala === metadata.keys().asScala ++ Set("general.alignment"))
        assert(weights.metadata().texts("tokens").get.asScala === Seq("a", "ü"))
        assert(weights.metadata().integers("types").get === Array(1L, -6L))
        assert(weights.metadata().fractions("scores").get === Array(-0.5, 3.0))
        assert(weights.metadata().plain("eps") === 1e-5f.toDouble)
      } finally weights.close()
    }
  }

  test("a file that is not finished leaves nothing behind and does not touch the one before") {
    TempDirectory.use { directory =>
      val path = Files.writeString(directory.resolve("model.gguf"), "old")
      val specs = Seq(new TensorSpec("a", DType.F32, Shape.of(2))).asJava
      val writer = GgufWriter.create(path, new GgufMetadata(), specs)
      writer.write(Array(1f))
      assert(intercept[LongformException](writer.finish()).getMessage.contains("tensor 'a' has 4 of 8 bytes"))
      assert(
        intercept[LongformException](writer.write(ByteBuffer.allocate(5))).getMessage
          .contains("Cannot write 5 bytes to tensor 'a'")
      )
      writer.close()
      assert(Files.list(directory).count() === 1)
      assert(Files.readString(path) === "old")
    }
  }

  test("safetensors files that are written are read back bit for bit") {
    val values = Array(1f, -0f, Float.MinPositiveValue, 1e30f, 3.14f, -7f)
    TempDirectory.use { directory =>
      val specs = Seq(
        new TensorSpec("x", DType.F32, Shape.of(2, 3)),
        new TensorSpec("h", DType.F16, Shape.of(3)),
        new TensorSpec("b", DType.BF16, Shape.of(3))
      )
      val writer = SafetensorsWriter.create(directory.resolve("model.safetensors"), specs.asJava)
      try {
        writer.write(values)
        writer.write(Array(1f, 2f, 65504f))
        writer.write(Array(1f, 2f, 1e38f))
        writer.finish()
      } finally writer.close()
      val weights = SafetensorsWeights.open(directory)
      try {
        val found = weights.tensor("x", Shape.of(2, 3)).toArray
        found.zip(values).foreach { case (f, v) =>
          assert(java.lang.Float.floatToRawIntBits(f) === java.lang.Float.floatToRawIntBits(v))
        }
        assert(weights.tensor("h", Shape.of(3)).toArray === Array(1f, 2f, 65504f))
        assert(math.abs(weights.tensor("b", Shape.of(3)).get(2) / 1e38f - 1f) < 0.01f)
        assert(weights.shape("x").get === Shape.of(2, 3))
      } finally weights.close()
    }
  }

  test("tensors of types that cannot be read may be present, and are refused by name") {
    val q2 = Entry("q", 10, Seq(256), 32)
    opened(GgufFiles.bytes(Nil, Seq(a, q2), aData ++ new Array[Byte](96))) { weights =>
      assert(weights.tensor("a", Shape.of(2, 3)).toArray === ramp.toArray)
      val error = intercept[LongformException](weights.tensor("q", Shape.of(256L)))
      assert(error.errorClass === ErrorClass.UNSUPPORTED_MODEL)
      contains(error.getMessage, "tensor 'q' [256] has type Q2_K, which cannot be read")
    }
  }

  test("a missing and a misshaped tensor are named with what was found and expected") {
    contains(refusal(load(GgufFiles.bytes(Nil, Nil, Array.emptyByteArray))), "tensor 'a' [2, 3] is missing")
    val turned = GgufFiles.bytes(Nil, Seq(a.copy(axes = Seq(2, 3))), aData)
    contains(refusal(load(turned)), "tensor 'a' has shape [3, 2], expected [2, 3]")
  }

  test("a file that does not begin as GGUF of a known version is refused") {
    contains(refusal(load(Array.emptyByteArray)), "it ends after 0 bytes, in the middle of its first word")
    contains(
      refusal(load(GgufFiles.bytes(Nil, Nil, aData, magic = "GGML"))),
      "it begins with 0x4c4d4747, expected 0x46554747 (GGUF)"
    )
    for (version <- Seq(0L, 1L, 4L))
      contains(
        refusal(load(GgufFiles.bytes(Nil, Seq(a), aData, version = version))),
        s"it has version $version, expected 2 to 3"
      )
    contains(
      refusal(load(GgufFiles.bytes(Nil, Seq(a), aData, version = 0x03000000L))),
      "expected 2 to 3 (its bytes are big-endian)"
    )
  }

  test("counts and lengths that the file cannot hold are refused before anything is allocated") {
    for (count <- Seq(-1L, 1000L, Long.MaxValue)) {
      val shown = java.lang.Long.toUnsignedString(count)
      contains(
        refusal(load(GgufFiles.bytes(Nil, Seq(a), aData, tensorCount = Some(count)))),
        s"its list of tensors has $shown entries, expected at most"
      )
      contains(
        refusal(load(GgufFiles.bytes(Nil, Seq(a), aData, keyCount = Some(count)))),
        s"its metadata has $shown entries, expected at most"
      )
      contains(
        refusalOf(key("x", STRING)(_.u64(count).u8(0))),
        s"metadata key 'x' has $shown bytes, expected at most"
      )
      contains(
        refusalOf(key("x", ARRAY)(_.u32(UINT8.toLong).u64(count))),
        s"metadata key 'x' has $shown entries, expected at most"
      )
      contains(
        refusalOf(key("x", ARRAY)(_.u32(STRING.toLong).u64(count))),
        s"metadata key 'x' has $shown entries, expected at most"
      )
    }
    contains(
      refusalOf(new Bytes().u64(70000).raw(new Array[Byte](70000)).u32(0).u8(0).array),
      "expected at most 65535"
    )
  }

  test("metadata that is not what it should be is refused with its key") {
    contains(refusalOf(key("x", 13)(_.u8(1))), "metadata key 'x' has a value of type 13, expected 0 to 12")
    contains(
      refusalOf(key("x", ARRAY)(_.u32(ARRAY.toLong).u64(1).u32(0).u64(0))),
      "metadata key 'x' is a list of lists"
    )
    contains(refusalOf(key("x", ARRAY)(_.u32(99).u64(1).u8(1))), "metadata key 'x' has a value of type 99")
    contains(refusalOf(key("x", UINT8)(_.u8(1)), key("x", UINT8)(_.u8(1))), "metadata key 'x' is there twice")
    contains(refusalOf(key("", UINT8)(_.u8(1))), "metadata key 0 is empty")
    contains(refusalOf(key("x", BOOL)(_.u8(2))), "metadata key 'x' has the truth value 2, expected 0 or 1")
    contains(refusalOf(key("x", UINT64)(_.u64(-1))), "metadata key 'x' has the value 18446744073709551615")
    contains(refusalOf(key("x", STRING)(_.u64(2).u8(0xc3).u8(0x28))), "metadata key 'x' is not UTF-8 text")
    contains(
      refusalOf(key("general.alignment", UINT32)(_.u32(24))),
      "general.alignment is 24, expected a power of two"
    )
    contains(refusalOf(key("general.alignment", UINT32)(_.u32(0))), "general.alignment is 0")
    contains(refusalOf(key("general.alignment", STRING)(_.text("x"))), "general.alignment is x")
  }

  test("another alignment is honoured") {
    val keys = Seq(key("general.alignment", UINT32)(_.u32(8)))
    assert(load(GgufFiles.bytes(keys, Seq(a), f32(ramp: _*), alignment = 8)) === ramp.toArray)
  }

  test("tensors that do not fit their type or the file are refused by name with both numbers") {
    contains(refusalOf(Seq(a.copy(axes = Nil)), 32), "tensor 'a' has 0 axes, expected 1 to 4")
    contains(refusalOf(Seq(a.copy(axes = Seq(1, 1, 1, 1, 6))), 32), "tensor 'a' has 5 axes")
    contains(refusalOf(Seq(a.copy(axes = Seq(3, -2))), 32), "tensor 'a' has an axis of 18446744073709551614")
    contains(refusalOf(Seq(a.copy(axes = Seq(1L << 40, 1L << 40))), 32), "more elements than a file can hold")
    contains(refusalOf(Seq(a.copy(axes = Seq(1L << 62))), 32), "more elements than a file can hold")
    contains(refusalOf(Seq(a.copy(ggmlType = 77)), 32), "tensor 'a' has type 77, which is unknown")
    contains(
      refusalOf(Seq(a.copy(ggmlType = 8)), 32),
      "tensor 'a' has rows of 3 elements, expected a multiple of 32 for Q8_0"
    )
    contains(
      refusalOf(Seq(a.copy(axes = Seq(3, 3))), 32),
      "tensor 'a' has 36 bytes for F32 [3, 3], and the file has 32 left for it"
    )
    contains(
      refusalOf(Seq(a.copy(offset = 8)), 64),
      "tensor 'a' begins at byte 8 of the data, expected a multiple of 32"
    )
    contains(
      refusalOf(Seq(a.copy(offset = -32)), 64),
      "tensor 'a' begins at byte 18446744073709551584 of the data"
    )
    contains(refusalOf(Seq(a.copy(offset = Long.MaxValue - 31)), 64), "and the file has 0 left for it")
    contains(refusalOf(Seq(a.copy(offset = 32)), 64), "expected 0: tensors must leave no gap")
    contains(refusalOf(Seq(a, a.copy(name = "b")), 32), "expected 32: tensors must not overlap")
    contains(refusalOf(Seq(a, a.copy(offset = 32)), 64), "tensor 'a' is there twice")
    contains(refusalOf(Seq(a), 96), "its tensors end after")
    contains(
      refusalOf(Seq(a.copy(name = "n" * 65)), 32),
      "the name of tensor 0 has 65 bytes, expected at most 64"
    )
  }

  test("the last tensor may come without padding, and a part of a model is refused as such") {
    assert(load(GgufFiles.bytes(Nil, Seq(a), f32(ramp: _*))) === ramp.toArray)
    val part = GgufFiles.bytes(Seq(key("split.count", 2)(_.u16(3))), Seq(a), aData)
    val error = intercept[LongformException](load(part))
    assert(error.errorClass === ErrorClass.INVALID_MODEL)
    contains(error.getMessage, "it lacks metadata key 'split.no', which parts of a model have")
  }

  private val whole = GgufFiles.bytes(
    Seq(
      key("general.architecture", STRING)(_.text("llama")),
      key("n", UINT32)(_.u32(7)),
      key("tokens", ARRAY)(_.u32(STRING.toLong).u64(3).text("a").text("bc").text("")),
      key("scores", ARRAY)(_.u32(FLOAT32.toLong).u64(2).raw(f32(1f, 2f)))
    ),
    Seq(a, Entry("q", 8, Seq(32, 1), 32)),
    aData ++ new Array[Byte](34)
  )

  test("a file cut anywhere is refused with a sentence") {
    for (length <- 0 until whole.length) refusal(load(whole.take(length)))
  }

  test("a file with any bit turned over is read or refused with a sentence, never anything else") {
    val random = new Random(11)
    var refused = 0
    val flips = for (at <- whole.indices; bit <- 0 until 8) yield Seq((at, bit))
    val several =
      Seq.fill(2000)(Seq.fill(1 + random.nextInt(8))((random.nextInt(whole.length), random.nextInt(8))))
    TempDirectory.use { directory =>
      val path = directory.resolve("model.gguf")
      for (turned <- flips ++ several) {
        val bytes = whole.clone()
        turned.foreach { case (at, bit) => bytes(at) = (bytes(at) ^ (1 << bit)).toByte }
        Files.write(path, bytes)
        try {
          val weights = GgufWeights.open(path)
          try weights.names().forEach { name => weights.tensor(name, weights.shape(name).get).toArray; () }
          finally weights.close()
        } catch {
          case e: LongformException =>
            assert(Set(ErrorClass.INVALID_MODEL, ErrorClass.UNSUPPORTED_MODEL)(e.errorClass))
            assert(e.getMessage.startsWith("Cannot load weights from '"))
            refused += 1
        }
      }
    }
    assert(refused > 1500, "too few refusals: the turned bits do not reach the header")
  }

  test("two gigabytes of metadata are not read to find that they are too much") {
    TempDirectory.use { directory =>
      val path = directory.resolve("model.gguf")
      val head = new Bytes().raw("GGUF".getBytes).u32(3).u64(0).u64(1)
      head.raw(key("x", ARRAY)(_.u32(UINT8.toLong).u64(2000000000L)))
      Files.write(path, head.array)
      val file = new java.io.RandomAccessFile(path.toFile, "rw")
      try file.setLength(3000000000L) // sparse
      finally file.close()
      contains(refusal(GgufWeights.open(path)), "which the rest of a header of 256 MiB can hold")
    }
  }
}
