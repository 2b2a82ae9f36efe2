package org.longform.bench.card

import org.longform.bench.engines.Longform
import org.longform.bench.models.{ModelShape, RandomModels}
import org.longform.kernels.cache.KvDType
import org.longform.kernels.device.Devices
import org.longform.kernels.tensor.DType
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.Files
import java.util.OptionalLong
import scala.collection.mutable

class LongDocumentSuite extends AnyFunSuite {
  private val shape = new ModelShape("test", 2, 64, 2, 1, 32, 96, 300, false, 512)

  private def measured(extent: LongDocument.Extent): Seq[String] = {
    val folder = Files.createTempDirectory("longform-bench-document-")
    val models = new RandomModels(folder)
    val lines = mutable.Buffer[String]()
    try {
      val longform = Longform.open(models.file(shape, DType.Q8_0), Devices.choose("auto"), 2)
      val work = new ModelWork(shape, DType.Q8_0, KvDType.F16)
      try new LongDocument(longform, work, extent, OptionalLong.empty(), line => lines += line).measure()
      finally longform.close()
    } finally {
      models.delete()
      Files.delete(folder)
    }
    lines.toSeq
  }

  private def times(lines: Seq[String], beginning: String): Seq[Double] =
    lines.filter(_.startsWith("| " + beginning)).map(_.split('|')(2).trim.toDouble)

  for (whole <- Seq(false, true))
    test(s"a document is measured at its beginning, on its way and at its end, read whole: $whole") {
      val lines = measured(new LongDocument.Extent(9000, 700, 3, whole, Double.PositiveInfinity))
      for (depth <- Seq("0", "8,192", "9,000")) {
        val written = Seq("reattention", "full").map(s => s"decode of 3 tokens behind $depth, $s |")
        for (beginning <- s"prefill of 700 tokens behind $depth, reattention |" +: written)
          assert(times(lines, beginning).map(_ > 0) == Seq(true), beginning)
      }
      val way = if (whole) "prefill of the first" else "filling of the first"
      assert(times(lines, way).size == 2)
      assert(times(lines, "prefill of 9,000 tokens by the samples").forall(_ > 0))
      assert(lines.count(_.startsWith("| memory at ")) == 3)
    }

  test("a document for which there is no time is measured as far as it was read") {
    val lines = measured(new LongDocument.Extent(9000, 512, 2, false, 0))
    assert(lines.exists(_.startsWith("| stopped at 0 tokens: 0 s were given")))
    assert(times(lines, "decode of 2 tokens behind 0, full").size == 2)
  }

  test("weights are read once for a block, and each is multiplied with each token") {
    val work = new ModelWork(shape, DType.F16, KvDType.F16)
    val layers = 2L * (64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 96 * 64)
    assert(work.bytesPerToken == 2 * 2 * 32 * 2)
    val one = new ModelWork.Block(1, 100, 0, true)
    assert(work.bytes(one) == 2 * (layers + 300 * 64) + 100 * 256)
    assert(work.operations(one) == 2 * (layers + 300 * 64) + 4 * 100 * 2 * 64)
    val block = new ModelWork.Block(11, 105, 1000, false)
    assert(work.bytes(block) == 2 * layers + 105 * 256 + 1000 * 128)
    assert(work.operations(block) == 11 * (2 * layers + 2 * 64 * (4 * 100 + 2 * 1000)))
  }

  test("depths are those below the length, and the length") {
    assert(LongDocument.depths(1000000).toSeq == Seq(0, 8192, 32768, 131072, 262144, 524288, 1000000))
    assert(LongDocument.depths(8192).toSeq == Seq(0, 8192))
  }
}
