package org.longform.kernels.weights

import java.nio.file.{Files, Path}

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.RandomLlama
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.{DType, Memory}
import org.longform.kernels.weights.GgufSplit.Part
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class GgufPartsSuite extends AnyFunSuite {
  private val model = RandomLlama(1, 64, 2, 2, 32, 64, 300, tied = false, DType.F32)
  private val count = model.tensors.size

  private def using(body: (Path, Path) => Unit): Unit = TempDirectory.use { directory =>
    body(model.write(directory.resolve("whole.gguf")), directory.resolve("parts"))
  }

  for (sizes <- Seq(Seq(0, 7, count - 7), Seq(5, count - 5), Seq(1, 1, 1, count - 3)))
    test(s"a model in parts of $sizes tensors is the model, named by its first part") {
      using { (whole, directory) =>
        val first = GgufSplit.split(whole, directory, sizes)()
        def values(model: Path): Map[String, Seq[Float]] =
          tensors(model).map { case (name, numbers) => name -> numbers.toSeq }
        assert(values(first) === values(whole))
        val ids = tokens(9, 300, 1)
        assert(logits(first, ids).toSeq === logits(whole, ids).toSeq)
        val (parts, one) = (TensorList.of(first), TensorList.of(whole))
        assert(parts.tensors() === one.tensors() && parts.bytes() === one.bytes())
        assert(parts.format() === s"GGUF in ${sizes.size} files" && one.format() === "GGUF file")
        val opened = GgufWeights.open(first)
        try {
          assert(opened.bytes() === parts.bytes())
          assert(!opened.metadata().keys().asScala.exists(_.startsWith("split.")))
          assert(opened.metadata().text("tokenizer.ggml.model").get === "llama")
        } finally opened.close()
        assert(
          GgufParts.files(first).asScala === sizes.indices.map(i =>
            first.resolveSibling(GgufSplit.name(i, sizes.size))
          )
        )
      }
    }

  test("a file that is written from parts is whole") {
    using { (whole, directory) =>
      val first = GgufSplit.split(whole, directory, Seq(0, count))()
      val written = rewrite(first, directory.resolve("again.gguf"))(identity)
      assert(tensors(written).keySet === tensors(whole).keySet)
      assert(!GgufWeights.metadata(written).has("split.count"))
    }
  }

  test("one part is a whole file of any name, and so are parts that were joined") {
    using { (whole, directory) =>
      for (said <- Seq(0L, 1L)) {
        val first = GgufSplit.split(whole, directory, Seq(count))(_.copy(count = said))
        val renamed = Files.move(first, directory.resolve(s"joined$said.gguf"))
        assert(tensors(renamed).keySet === tensors(whole).keySet)
      }
    }
  }

  test("names of parts follow from that of the first, and from no other") {
    def names(first: String): Seq[String] = GgufParts.names(first).asScala.toSeq
    assert(names("a/b-00001-of-00003.gguf") === (1 to 3).map(i => s"a/b-0000$i-of-00003.gguf"))
    for (
      alone <- Seq(
        "a.gguf",
        "b-00002-of-00003.gguf",
        "b-00001-of-00001.gguf",
        "b-00001-of-00000.gguf",
        "b-00001-of-99999.gguf",
        "b-00001-of-00003.gguf.part",
        "b-0001-of-0003.gguf"
      )
    ) assert(names(alone) === Seq(alone))
    assert(GgufParts.isLater("b-00002-of-00003.gguf") && GgufParts.isLater("b-00000-of-00003.gguf"))
    assert(!GgufParts.isLater("b-00001-of-00003.gguf") && !GgufParts.isLater("b.gguf"))
  }

  private def refused(path: Path, part: String): Unit = {
    val before = Memory.allocatedBytes()
    for (open <- Seq[Path => Any](GgufWeights.open, TensorList.of, GgufWeights.metadata)) {
      val error = intercept[LongformException](open(path))
      assert(error.errorClass === ErrorClass.INVALID_MODEL)
      assert(error.getMessage.startsWith("Cannot load weights from '"), error.getMessage)
      assert(error.getMessage.contains(part), error.getMessage)
      assert(error.getMessage.endsWith(" again."))
    }
    assert(Memory.allocatedBytes() === before)
  }

  test("parts that are missing, or that are others than their names say, are refused by name") {
    using { (whole, directory) =>
      val sizes = Seq(0, 7, count - 7)
      def parts(changed: Part => Part): Path = GgufSplit.split(whole, directory, sizes)(changed)
      def second(change: Part => Part): Path = parts(part => if (part.no == 1) change(part) else part)

      val first = parts(identity)
      val last = first.resolveSibling(GgufSplit.name(2, 3))
      refused(
        last,
        "it is part 3 of 3, and a model in parts is named by the first, 'model-00001-of-00003.gguf'"
      )
      val renamed = Files.copy(first, directory.resolve("renamed.gguf"))
      refused(renamed, "a name that does not end in '-00001-of-00003.gguf' does not tell those of the others")
      Files.delete(last)
      refused(first, "it is the first of 3 parts, and part 3 ('model-00003-of-00003.gguf') is missing")
      Files.copy(first.resolveSibling(GgufSplit.name(1, 3)), last)
      refused(first, "it says that it is part 2 (split.no), and its name that it is part 3")

      val name = model.tensors(7).name()
      refused(
        second(part => part.copy(tensors = part.tensors :+ name)),
        s"model-00003-of-00003.gguf': tensor '$name' is in part 'model-00002-of-00003.gguf', too"
      )
      refused(second(_.copy(no = 2)), "it says that it is part 3 (split.no), and its name that it is part 2")
      refused(
        second(_.copy(count = 4)),
        "it says that it is one of 4 parts (split.count), and the first part says 3"
      )
      refused(
        second(part => part.copy(tensors = part.tensors.drop(1))),
        s"its 3 parts have ${count - 1} tensors, and it says $count (split.tensors.count)"
      )
      refused(
        parts(part => if (part.no == 0) part.copy(count = 1001) else part),
        "it says that it is one of 1001 parts (split.count), expected at most 1000"
      )
      refused(
        parts(part => if (part.no == 0) part.copy(count = 2) else part),
        "does not end in '-00001-of-00002.gguf'"
      )
      Files.write(parts(identity).resolveSibling(GgufSplit.name(1, 3)), Array[Byte](1, 2))
      refused(first, "model-00002-of-00003.gguf': it ends after 2 bytes")
    }
  }

  test("keys of parts that are missing or no numbers are refused") {
    using { (whole, directory) =>
      val first = GgufSplit.split(whole, directory, Seq(0, count))()
      def again(change: GgufMetadata => Any): Path = {
        val keys = new GgufMetadata().putText("general.architecture", "llama").putUint32("split.no", 0)
        change(keys)
        val writer = GgufWriter.create(first, keys, List.empty[TensorSpec].asJava)
        try writer.finish()
        finally writer.close()
        first
      }
      refused(again(_.putText("split.count", "2")), "metadata key 'split.count' is no whole number")
      refused(
        again(_.put("split.count", GgufType.INT32, Long.box(-2L))),
        "it says that it is one of -2 parts (split.count)"
      )
      refused(again(_.putUint32("split.count", 2).putText("split.no", "a")), "'split.no' is no whole number")
      refused(
        again(_.putUint32("split.count", 2).putFloat32("split.tensors.count", 1)),
        "metadata key 'split.tensors.count' is no whole number"
      )
      GgufWeights.open(again(keys => keys.putUint32("split.count", 2))).close()
    }
  }
}
