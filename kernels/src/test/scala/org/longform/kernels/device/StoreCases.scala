package org.longform.kernels.device

import java.io.{ByteArrayOutputStream, DataOutputStream}

import org.longform.kernels.cache.{KvCache, KvDType, KvMemory, KvShape}
import org.longform.kernels.tensor.Tensor

/** Keys and values stored by a device: bit for bit as the cache does it itself. */
object StoreCases {
  private val special = Array(
    Float.NaN,
    Float.PositiveInfinity,
    Float.NegativeInfinity,
    -0f,
    Float.MinPositiveValue,
    65504f,
    65520f,
    -7e4f,
    6.1e-5f,
    2.9802322e-8f,
    1e30f
  )

  private def stored(kernels: Kernels, shape: KvShape, blocks: Seq[Int], seed: Long): Seq[Byte] = {
    val draws = new Draws(seed)
    val cache = new KvCache(shape, KvMemory.UNLIMITED, kernels.memory())
    try {
      for (tokens <- blocks) {
        cache.reserve(tokens)
        for (layer <- 0 until shape.layers()) {
          val width = shape.kvHeads(layer) * shape.headDim()
          val keys = draws.uniform(tokens * width).map(_ * 3)
          val values = draws.uniform(tokens * width).map(_ * 1e-6f)
          for (i <- special.indices) keys(i * 13 % keys.length) = special(i)
          val some = Seq(keys, values).map { rows =>
            val tensor = Tensor.allocate(kernels.memory(), tokens.toLong, width.toLong)
            tensor.write(0, rows)
            tensor
          }
          try {
            // in two parts, the second first
            val cut = tokens / 2
            for ((from, to) <- Seq((cut, tokens), (0, cut)) if to > from) {
              val Seq(k, v) = some.map(_.rows(from.toLong, (to - from).toLong))
              kernels.store(cache, layer, from, k, v)
            }
          } finally some.foreach(_.close())
        }
        cache.commit()
      }
      val bytes = new ByteArrayOutputStream()
      cache.writeRows(new DataOutputStream(bytes))
      bytes.toByteArray.toSeq
    } finally cache.close()
  }

  val ALL: Seq[KernelCase] = for {
    dtype <- KvDType.values().toSeq
    headDim <- Seq(1, 2, 7, 31, 32, 33, 64, 80, 129)
  } yield KernelCase("store", s"$dtype, heads of $headDim") { (reference, device) =>
    val shape = new KvShape(Array(2, 3), headDim, dtype)
    val blocks = Seq(1, 70, 3, 130)
    assert(stored(device, shape, blocks, headDim.toLong) == stored(reference, shape, blocks, headDim.toLong))
  }
}
