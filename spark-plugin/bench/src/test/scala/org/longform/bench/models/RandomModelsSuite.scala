package org.longform.bench.models

import org.longform.bench.engines.{Engine, Longform}
import org.longform.kernels.device.Devices
import org.longform.kernels.tensor.DType
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.{Files, Path}
import scala.collection.JavaConverters._

class RandomModelsSuite extends AnyFunSuite {
  private val tiny = new ModelShape("test", 2, 64, 2, 1, 32, 96, 300, false, 4096)

  private def withFolder(test: Path => Unit): Unit = {
    val folder = Files.createTempDirectory("longform-bench-models-")
    try test(folder)
    finally {
      Files.list(folder).iterator.asScala.toList.foreach(Files.delete(_))
      Files.delete(folder)
    }
  }

  for (dtype <- RandomModels.TYPES.asScala)
    test(s"a random model in $dtype is read, and its tokens are written, too") {
      withFolder { folder =>
        val file = new RandomModels(folder).file(tiny, dtype)
        val longform = Longform.open(file, Devices.choose("reference"), 1)
        try {
          assert(longform.decoder.spec.layers == 2 && longform.decoder.spec.vocabulary == 300)
          val works = Seq(
            Engine.Work.prefill(8),
            Engine.Work.decode(0, 2),
            Engine.Work.decode(9, 2)
          )
          for (work <- works) {
            val rates = longform.tokensPerSecond(work, 2)
            assert(rates.length == 2 && rates.forall(rate => rate > 0 && !rate.isInfinite))
          }
        } finally longform.close()
      }
    }

  test("models are made once and deleted, other files stay") {
    withFolder { folder =>
      val models = new RandomModels(folder)
      val file = models.file(tiny, DType.Q8_0)
      val made = Files.getLastModifiedTime(file)
      assert(models.file(tiny, DType.Q8_0) == file && Files.getLastModifiedTime(file) == made)
      val other = Files.createFile(folder.resolve("notes"))
      models.delete()
      assert(!Files.exists(file) && Files.exists(other))
    }
  }

  test("a decoded token reads every weight but the embedding, of which it reads one row") {
    val matrices = 2L * (64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 96 * 64)
    assert(tiny.decodedBytes(DType.F16) == 2 * (matrices + 300 * 64))
    val half = ModelShape.byName("0.5B")
    assert(half.decodedBytes(DType.Q8_0) / 1000000 == 496)
    // 8.03 billion weights, those of the embedding left out
    assert(ModelShape.byName("8B").decodedBytes(DType.F16) / 2000000 == 7504)
  }
}
