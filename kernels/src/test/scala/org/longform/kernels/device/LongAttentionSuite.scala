package org.longform.kernels.device

import scala.collection.JavaConverters._
import scala.util.Random

import org.longform.kernels.attention.AttentionPlan
import org.longform.kernels.cache.{KvCache, KvDType, KvMemory, KvShape, Rows}
import org.longform.kernels.device.KernelCase.close
import org.longform.kernels.device.cpu.CpuDevice
import org.longform.kernels.device.cuda.CudaDevice
import org.longform.kernels.tensor.{Memory, Tensor}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Attention from the first token on of documents of more than 64 pages, of which a device may note where
  * they lie: they grow, are cut, forked, give pages up and are closed.
  */
class LongAttentionSuite extends AnyFunSuite {
  private val HEADS = 4
  private val HEAD_DIM = 32
  private val TOLERANCE = 1e-5
  private val shape = new KvShape(Array(2, 1), HEAD_DIM, KvDType.F16)
  private val reference = Devices.choose("reference").open(1)
  private val devices =
    (new CpuDevice().variants().asScala ++ Seq(new CudaDevice())).filterNot(_.whyUnavailable().isPresent)

  private def append(cache: KvCache, tokens: Int, random: Random): Unit = {
    cache.reserve(tokens)
    for (layer <- 0 until 2) {
      val width = shape.kvHeads(layer) * HEAD_DIM
      def draw() =
        Tensor.of(Array.fill(tokens * width)(random.nextGaussian().toFloat), tokens.toLong, width.toLong)
      val (keys, values) = (draw(), draw())
      try cache.put(layer, keys, values)
      finally {
        keys.close()
        values.close()
      }
    }
    cache.commit()
  }

  private def attend(kernels: Kernels, cache: KvCache, layer: Int, tokens: Int, to: Long): Array[Float] = {
    val width = HEADS * HEAD_DIM
    val queries = new Draws(to * 2 + layer).tensor(tokens, width)
    val out = Tensor.allocate(tokens.toLong, width.toLong)
    try {
      val plan = AttentionPlan.of(AttendSetup.segment(Rows.range(0, to), AttendSetup.CAUSAL))
      val scale = 1 / math.sqrt(HEAD_DIM.toDouble)
      val encoding = AttendSetup.rope(HEAD_DIM)
      kernels.attend(
        new AttendRequest(queries, cache.view(layer), plan, encoding, scale, 0, out, AttendTaps.NONE)
      )
      out.toArray
    } finally {
      queries.close()
      out.close()
    }
  }

  /** The reference reads every row where it lies, each time. */
  private def compare(kernels: Kernels, cache: KvCache, tokens: Int): Unit =
    for (layer <- 0 until 2; to <- Seq(cache.length(), cache.length() - cache.length() % 64))
      close(
        s"layer $layer, ${cache.length()} tokens, $to seen",
        attend(kernels, cache, layer, tokens, to),
        attend(reference, cache, layer, tokens, to),
        TOLERANCE
      )

  for (device <- devices)
    test(s"${device.name()} attends to documents that change") {
      val before = Memory.allocatedBytes()
      val random = new Random(5)
      val kernels = device.open(2)
      TempDirectory.use { directory =>
        val memory = new KvMemory(Long.MaxValue, directory)
        val cache = new KvCache(shape, memory, kernels.memory(), kernels.pinnedMemory())
        try {
          append(cache, 4090, random)
          compare(kernels, cache, 1)
          for (tokens <- Seq(5, 1, 1, 70)) {
            append(cache, tokens, random)
            compare(kernels, cache, 1)
          }
          compare(kernels, cache, 33)
          val fork = cache.fork()
          try {
            append(fork, 100, random)
            append(cache, 3, random)
            compare(kernels, fork, 1)
            compare(kernels, cache, 1)
          } finally fork.close()
          cache.truncate(4110)
          append(cache, 200, random)
          compare(kernels, cache, 1)
          // the first rows are those of others now
          cache.truncate(40)
          append(cache, 4200, random)
          compare(kernels, cache, 1)
        } finally cache.close()
      }
      TempDirectory.use { directory =>
        // pages move while the document grows
        val page = 64 * shape.bytesPerToken()
        val memory = new KvMemory(30 * page, 20 * page, directory)
        val cache = new KvCache(shape, memory, kernels.memory(), kernels.pinnedMemory())
        try {
          for (_ <- 0 until 11) {
            append(cache, 400, random)
            if (cache.length() > 4096 || memory.diskBytes() == 0) compare(kernels, cache, 1)
          }
          assert(memory.diskBytes() > 0)
          assert((memory.pinnedBytes() > 0) == kernels.pinnedMemory().isPresent)
        } finally cache.close()
      }
      assert(Memory.allocatedBytes() == before)
    }
}
