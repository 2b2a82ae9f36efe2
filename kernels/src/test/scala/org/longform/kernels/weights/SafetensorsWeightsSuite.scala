package org.longform.kernels.weights

import java.nio.file.{Files, Path}

import scala.util.Random

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.{DType, Memory, Shape}
import org.longform.kernels.weights.SafetensorsFiles.Entry
import org.scalatest.funsuite.AnyFunSuite

class SafetensorsWeightsSuite extends AnyFunSuite {

  private val ramp = Seq(0f, 1f, -2f, 0.5f, 3f, -0.25f)

  private def entry(name: String, dtype: String = "F32"): Entry =
    Entry(name, dtype, Seq(2, 3), SafetensorsFiles.encode(dtype, ramp))

  /** Opens a single file with these bytes and asks for tensor 'a' (2, 3). */
  private def load(bytes: Array[Byte]): Array[Float] = TempDirectory.use { directory =>
    Files.write(directory.resolve("model.safetensors"), bytes)
    val weights = SafetensorsWeights.open(directory)
    try weights.tensor("a", Shape.of(2, 3)).toArray
    finally weights.close()
  }

  private def refusal(body: => Any): String = {
    val error = intercept[LongformException](body)
    assert(error.errorClass === ErrorClass.INVALID_MODEL)
    assert(error.getMessage.startsWith("Cannot "))
    error.getMessage
  }

  private def refusalOf(header: String, dataBytes: Int): String =
    refusal(load(SafetensorsFiles.bytes(header, new Array[Byte](dataBytes))))

  private def one(dtype: String, shape: String, offsets: String): String =
    s"""{"a":{"dtype":"$dtype","shape":$shape,"data_offsets":$offsets}}"""

  test("tensors of the three floating point types are read as they were written") {
    for (dtype <- Seq("F32", "F16", "BF16"))
      assert(load(SafetensorsFiles.bytes(Seq(entry("b"), entry("a", dtype)))) === ramp.toArray)
  }

  test("a tensor of another type may lie in the file but not be asked for") {
    val ids = Entry("ids", "I64", Seq(2), new Array[Byte](16))
    assert(load(SafetensorsFiles.bytes(Seq(ids, entry("a")))) === ramp.toArray)
    val message = refusal(
      load(
        SafetensorsFiles.bytes(
          Seq(entry("b"), ids.copy(name = "a", shape = Seq(2, 3), data = new Array[Byte](48)))
        )
      )
    )
    assert(message.contains("tensor 'a' has dtype I64, expected F32, F16 or BF16"))
  }

  test("data that is not aligned to its element size is read all the same") {
    val odd = Entry("o", "U8", Seq(3), new Array[Byte](3))
    assert(load(SafetensorsFiles.bytes(Seq(odd, entry("a")))) === ramp.toArray)
  }

  test("a missing and a misshaped tensor are named with what was found and expected") {
    val bytes = SafetensorsFiles.bytes(Seq(entry("b")))
    assert(refusal(load(bytes)).contains("tensor 'a' [2, 3] is missing"))
    val flat = SafetensorsFiles.bytes(Seq(entry("a").copy(shape = Seq(6))))
    assert(refusal(load(flat)).contains("tensor 'a' has shape [6], expected [2, 3]"))
  }

  test("an empty file, a cut one and a wrong header length are refused") {
    assert(refusal(load(Array.emptyByteArray)).contains("it has 0 bytes, expected at least 8"))
    val bytes = SafetensorsFiles.bytes(Seq(entry("a")))
    assert(refusal(load(bytes.take(30))).contains("its header has"))
    assert(refusal(load(bytes.dropRight(1))).contains("the file has 23 bytes of data"))
    assert(refusal(load(bytes :+ 0.toByte)).contains("it has 25 bytes of data, its tensors only 24"))
    assert(refusal(load(Array.fill[Byte](64)(-1))).contains("its header has 18446744073709551615 bytes"))
  }

  test("a header beyond the format's limit is refused although the file is large enough") {
    TempDirectory.use { directory =>
      val file = directory.resolve("model.safetensors")
      val channel = new java.io.RandomAccessFile(file.toFile, "rw")
      try {
        channel.write(
          java.nio.ByteBuffer.allocate(8).order(java.nio.ByteOrder.LITTLE_ENDIAN).putLong(100000001L).array()
        )
        channel.setLength(200000000L) // sparse
      } finally channel.close()
      assert(refusal(SafetensorsWeights.open(directory)).contains("expected at most 100000000"))
    }
  }

  test("a header that is not the JSON it should be is refused") {
    assert(refusalOf("nonsense", 0).contains("its header is not JSON"))
    assert(refusalOf("[]", 0).contains("its header is not a JSON object"))
    assert(refusalOf("{} {}", 0).contains("goes on behind the JSON object"))
    assert(refusalOf("""{"a":3}""", 0).contains("tensor 'a': its entry is not a JSON object"))
    assert(refusalOf("""{"a":{"dtype":"F32"}}""", 0).contains("lacks dtype, shape or two data_offsets"))
    assert(refusalOf("""{"a":{"dtype":"F32","x":1}}""", 0).contains("unknown key 'x'"))
    val twice = one("F32", "[1]", "[0,4]").dropRight(1) + "," + one("F32", "[1]", "[4,8]").drop(1)
    assert(refusalOf(twice, 8).contains("Duplicate field 'a'"))
    val deep = "{\"__metadata__\":" + "{\"x\":" * 5000 + "1" + "}" * 5001
    assert(refusalOf(deep, 0).contains("depth"))
  }

  test("offsets that do not fit dtype, shape or file are refused with both numbers") {
    assert(
      refusalOf(one("F32", "[2,3]", "[0,20]"), 20).contains(
        "its data has 20 bytes, expected 24 for F32 [2, 3]"
      )
    )
    assert(refusalOf(one("F32", "[2,3]", "[0,24]"), 20).contains("at bytes 0 to 24, the file has 20 bytes"))
    assert(refusalOf(one("F32", "[2,3]", "[24,0]"), 24).contains("at bytes 24 to 0"))
    assert(
      refusalOf(one("F32", "[2,3]", "[4,28]"), 28).contains(
        "begins at byte 4, expected 0: tensors must leave no gap"
      )
    )
    assert(
      refusalOf(one("F32", "[-2,-3]", "[0,24]"), 24).contains(
        "shape is not a list of at most 16 whole numbers"
      )
    )
    assert(refusalOf(one("F32", "[2.5,3]", "[0,24]"), 24).contains("shape is not a list"))
    assert(
      refusalOf(one("F32", "[2,3]", "[0,99999999999999999999]"), 24).contains("data_offsets is not a list")
    )
    val huge = "[4611686018427387904,4611686018427387904]"
    assert(refusalOf(one("F32", huge, "[0,24]"), 24).contains("more elements than a file can hold"))
    // 2^62 float32 are 2^64 bytes, which is 0 in 64 bits
    assert(
      refusalOf(one("F32", "[4611686018427387904]", "[0,0]"), 0).contains(
        "more elements than a file can hold"
      )
    )
    val overlap =
      """{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}}"""
    assert(
      refusalOf(overlap, 12).contains(
        "tensor 'b': its data begins at byte 4, expected 8: tensors must not overlap"
      )
    )
  }

  test("a directory without weights says what it looked for") {
    TempDirectory.use { directory =>
      assert(refusal(SafetensorsWeights.open(directory)).contains("it has neither model.safetensors nor"))
    }
  }

  private def writeShards(directory: Path, index: String): Unit = {
    SafetensorsFiles.write(directory.resolve("one.safetensors"), Seq(entry("a"), entry("unused")))
    SafetensorsFiles.write(directory.resolve("two.safetensors"), Seq(entry("b", "F16")))
    Files.writeString(directory.resolve("model.safetensors.index.json"), s"""{"weight_map":$index}""")
  }

  test("shards are read together and count their bytes") {
    TempDirectory.use { directory =>
      writeShards(directory, """{"a":"one.safetensors","b":"two.safetensors"}""")
      val weights = SafetensorsWeights.open(directory)
      try {
        assert(weights.names() === java.util.Set.of("a", "b"))
        assert(weights.bytes() === 36)
        assert(weights.tensor("b", Shape.of(2, 3)).dtype() === DType.F16)
        assert(weights.tensor("a", Shape.of(2, 3)).toArray === ramp.toArray)
      } finally weights.close()
    }
  }

  test("an index that leads out of the directory is refused") {
    TempDirectory.use { outside =>
      SafetensorsFiles.write(outside.resolve("secret.safetensors"), Seq(entry("a")))
      for (
        name <- Seq(
          s"${outside.toRealPath()}/secret.safetensors",
          "../secret.safetensors",
          "..",
          "",
          "x/../one.safetensors"
        )
      )
        TempDirectory.use { directory =>
          writeShards(directory, s"""{"a":"$name"}""")
          assert(
            refusal(SafetensorsWeights.open(directory))
              .contains(s"shard '$name' is not a file of the model's directory")
          )
        }
      TempDirectory.use { directory =>
        writeShards(directory, """{"a":"link.safetensors"}""")
        Files.createSymbolicLink(directory.resolve("link.safetensors"), outside.resolve("secret.safetensors"))
        assert(
          refusal(SafetensorsWeights.open(directory)).contains("shard 'link.safetensors' is not a file of")
        )
      }
    }
  }

  test("the links of the hub's cache layout are followed") {
    TempDirectory.use { root =>
      val blobs = Files.createDirectory(root.resolve("blobs"))
      val snapshot = Files.createDirectories(root.resolve("snapshots").resolve("abc"))
      SafetensorsFiles.write(blobs.resolve("0123"), Seq(entry("a")))
      Files.createSymbolicLink(snapshot.resolve("s.safetensors"), Path.of("../../blobs/0123"))
      Files.writeString(
        snapshot.resolve("model.safetensors.index.json"),
        """{"weight_map":{"a":"s.safetensors"}}"""
      )
      val weights = SafetensorsWeights.open(snapshot)
      try assert(weights.tensor("a", Shape.of(2, 3)).toArray === ramp.toArray)
      finally weights.close()
    }
  }

  test("a missing shard, and a tensor that its shard lacks, are named") {
    TempDirectory.use { directory =>
      writeShards(directory, """{"a":"three.safetensors"}""")
      assert(refusal(SafetensorsWeights.open(directory)).contains("shard 'three.safetensors' does not exist"))
      writeShards(directory, """{"a":"two.safetensors"}""")
      assert(
        refusal(SafetensorsWeights.open(directory))
          .contains("lacks tensor 'a', which model.safetensors.index.json expects there")
      )
      writeShards(directory, """{"a":7}""")
      assert(refusal(SafetensorsWeights.open(directory)).contains("gives tensor 'a' no file name"))
      writeShards(directory, "[]")
      assert(refusal(SafetensorsWeights.open(directory)).contains("has no object weight_map"))
    }
  }

  test("an index that names a tensor twice, and a shard that is cut, are refused") {
    TempDirectory.use { directory =>
      writeShards(directory, """{"a":"one.safetensors","a":"two.safetensors"}""")
      assert(refusal(SafetensorsWeights.open(directory)).contains("Duplicate field 'a'"))
      writeShards(directory, """{"a":"one.safetensors","b":"two.safetensors"}""")
      val whole = Files.readAllBytes(directory.resolve("two.safetensors"))
      Files.write(directory.resolve("two.safetensors"), whole.dropRight(3))
      assert(refusal(SafetensorsWeights.open(directory)).contains("two.safetensors': tensor 'b'"))
    }
  }

  test("a tensor in a shard that the index does not name there is not read from it") {
    TempDirectory.use { directory =>
      // both shards have 'a'; the index decides, and nothing of the other is seen
      SafetensorsFiles.write(directory.resolve("one.safetensors"), Seq(entry("a")))
      SafetensorsFiles.write(
        directory.resolve("two.safetensors"),
        Seq(Entry("a", "F32", Seq(1), new Array[Byte](4)), entry("b", "F16"))
      )
      Files.writeString(
        directory.resolve("model.safetensors.index.json"),
        """{"weight_map":{"b":"two.safetensors","a":"one.safetensors"}}"""
      )
      val weights = SafetensorsWeights.open(directory)
      try {
        assert(weights.shape("a").get === Shape.of(2, 3))
        assert(weights.tensor("a", Shape.of(2, 3)).toArray === ramp.toArray)
        assert(weights.bytes() === 36)
      } finally weights.close()
    }
  }

  test("headers that are large in other ways than their length are refused") {
    val axes = Seq.fill(17)("1").mkString("[", ",", "]")
    assert(refusalOf(one("F32", axes, "[0,4]"), 4).contains("a list of at most 16 whole numbers"))
    val digits = "[" + "9" * 5000 + "]"
    assert(refusalOf(one("F32", digits, "[0,4]"), 4).contains("its header is not JSON as it should be"))
    val longName = "n" * 100000
    val message = refusalOf(s"""{"$longName":{"dtype":"F32"}}""", 0)
    assert((message.contains("lacks dtype") || message.contains("not JSON")) && message.length < 700)
    val many = (0 until 20000).map(i => s""""t$i":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}""")
    assert(refusalOf(many.mkString("{", ",", "}"), 0).contains("tensor 'a' [2, 3] is missing (20000 others"))
  }

  test("a tensor of any type can be had as its bytes") {
    val words = Entry("w", "I32", Seq(3), Array[Byte](1, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, -128))
    val longs = Entry("l", "I64", Seq(1), Array[Byte](7, 0, 0, 0, 0, 0, 0, 0))
    val powers = Entry("e", "F8_E8M0", Seq(3), Array[Byte](127, 126, -128))
    TempDirectory.use { directory =>
      SafetensorsFiles.write(
        directory.resolve("model.safetensors"),
        Seq(Entry("odd", "U8", Seq(1), new Array[Byte](1)), words, longs, powers, entry("h", "BF16"))
      )
      val weights = SafetensorsWeights.open(directory)
      def stored[A](name: String)(body: StoredBytes => A): A = {
        val bytes = weights.stored(name)
        try body(bytes)
        finally bytes.close()
      }
      try {
        assert(weights.dtype("w") === "I32")
        val two = new Array[Int](2)
        stored("w")(_.read(1, two, 2))
        assert(two.toSeq === Seq(-1, Int.MinValue))
        assert(stored("w")(_.wholeNumbers()).toSeq === Seq(1L, -1L, Int.MinValue.toLong))
        assert(stored("l")(_.wholeNumbers()).toSeq === Seq(7L))
        assert(stored("e")(_.floats()).toSeq === Seq(1f, 0.5f, 2f))
        assert(stored("h")(_.floats()).toSeq === ramp)
        assert(refusal(stored("h")(_.wholeNumbers())).contains("it has dtype BF16, expected I64, I32 or I8"))
        assert(refusal(stored("w")(_.floats())).contains("it has dtype I32, expected F32, F16, BF16"))
      } finally weights.close()
    }
  }

  test("closing unmaps the file") {
    def mappings(file: Path): Long = {
      val lines = Files.lines(Path.of("/proc/self/maps"))
      try lines.filter(_.contains(file.toString)).count()
      finally lines.close()
    }
    TempDirectory.use { directory =>
      val file = directory.toRealPath().resolve("model.safetensors")
      SafetensorsFiles.write(file, Seq(entry("a")))
      val weights = SafetensorsWeights.open(directory)
      weights.tensor("a", Shape.of(2, 3))
      weights.tensor("a", Shape.of(2, 3))
      assert(mappings(file) === 1)
      weights.close()
      assert(mappings(file) === 0)
    }
  }

  test("a tensor larger than one mapping is put together from pieces") {
    TempDirectory.use { directory =>
      val file = directory.resolve("data")
      val data = new Array[Byte](1000)
      new Random(5).nextBytes(data)
      Files.write(file, data)
      val before = Memory.allocatedBytes()
      val channel = java.nio.channels.FileChannel.open(file)
      try {
        val memory = MappedBytes.map(channel, 7, 985, 100)
        assert(Memory.allocatedBytes() === before + 985)
        val read = (0 until 984).map(i => memory.getShort(i.toLong))
        val expected = (0 until 984).map(i => ((data(i + 7) & 0xff) | (data(i + 8) << 8)).toShort)
        assert(read === expected)
        memory.close()
        assert(Memory.allocatedBytes() === before)
      } finally channel.close()
    }
  }

  test("no damaged file gives anything but its tensors or a refusal") {
    val seed = 20261121L
    val random = new Random(seed)
    val valid = SafetensorsFiles.bytes(
      Seq(entry("a", "BF16"), entry("b", "F16"), Entry("ids", "I64", Seq(2), new Array[Byte](16)))
    )
    assert(load(valid) === ramp.toArray)
    val headerEnd = valid.length - 40
    var refused = 0
    for (round <- 0 until 800) {
      val damaged = valid.clone()
      val cut = if (round % 5 == 0) random.nextInt(valid.length) else valid.length
      for (_ <- 0 until random.nextInt(4))
        damaged(random.nextInt(headerEnd)) =
          (if (round % 2 == 0) random.nextInt(256) else '0' + random.nextInt(75)).toByte
      try {
        val values = load(damaged.take(cut))
        assert(values.length === 6)
      } catch {
        case e: LongformException =>
          assert(e.errorClass === ErrorClass.INVALID_MODEL, s"seed $seed round $round")
          refused += 1
      }
    }
    assert(refused > 150, s"seed $seed: the damage must be felt")
  }
}
