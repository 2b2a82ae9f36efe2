package org.longform.kernels.device

import java.util.Random
import java.util.concurrent.ConcurrentHashMap

import org.longform.kernels.cache.{KvCache, KvDType, KvShape}
import org.longform.kernels.tensor.{BlockFormat, DType, Memory, Shape, Tensor}

/** Random tensors and caches that depend on the seed only. */
final class Draws(seed: Long) {
  private val random = new Random(seed)

  def uniform(count: Int): Array[Float] = Array.fill(count)(random.nextFloat() * 2 - 1)

  /** Small whole numbers: their products and sums are exact in float32. */
  def whole(count: Int): Array[Float] = Array.fill(count)((random.nextInt(7) - 3).toFloat)

  def tensor(rows: Int, width: Int): Tensor =
    Tensor.of(uniform(rows * width), rows.toLong, width.toLong)

  /** A weight as a model file stores it; the caller closes the memory. */
  def stored(dtype: DType, axes: Long*): (Tensor, Memory) = {
    val shape = Shape.of(axes: _*)
    val elements = shape.elements().toInt
    val memory = Memory.allocate(dtype.bytes(elements.toLong))
    if (dtype.isQuantised) {
      val blocks = Draws.blocks(dtype)
      for (i <- 0 until elements / dtype.blockElements()) {
        val block = blocks(random.nextInt(blocks.size))
        memory.writeBytes(i.toLong * block.length, block, 0, block.length)
      }
    } else
      for (i <- 0 until elements) {
        if (dtype == DType.F32) memory.putFloat(4L * i, random.nextFloat() * 2 - 1)
        else if (dtype == DType.F16) {
          // exponents 2^-8 to 2^-1, any sign and fraction
          val bits =
            (random.nextInt(2) << 15) | ((7 + random.nextInt(8)) << 10) | random.nextInt(1024)
          memory.putShort(2L * i, bits.toShort)
        } else {
          val bits = java.lang.Float.floatToRawIntBits(random.nextFloat() * 2 - 1) >>> 16
          memory.putShort(2L * i, bits.toShort)
        }
      }
    (Tensor.view(dtype, shape, memory, 0), memory)
  }

  /** A cache of one layer with `tokens` committed tokens. */
  def cache(
      kvHeads: Int,
      headDim: Int,
      tokens: Int,
      draw: Int => Array[Float],
      dtype: KvDType = KvDType.F32
  ): KvCache = {
    val cache = new KvCache(new KvShape(1, kvHeads, headDim, dtype))
    append(cache, tokens, draw)
    cache
  }

  def append(cache: KvCache, tokens: Int, draw: Int => Array[Float]): Unit = {
    if (tokens > 0) {
      reserve(cache, tokens, draw)
      cache.commit()
    }
  }

  /** Writes tokens that are not committed yet. */
  def reserve(cache: KvCache, tokens: Int, draw: Int => Array[Float]): Unit = {
    if (tokens > 0) {
      val width = cache.shape().kvHeads(0) * cache.shape().headDim()
      val keys = Tensor.of(draw(tokens * width), tokens.toLong, width.toLong)
      val values = Tensor.of(draw(tokens * width), tokens.toLong, width.toLong)
      try {
        cache.reserve(tokens)
        cache.put(0, keys, values)
      } finally {
        keys.close()
        values.close()
      }
    }
  }
}

object Draws {
  private val encoded = new ConcurrentHashMap[DType, IndexedSeq[Array[Byte]]]()

  /** Blocks of random numbers, once for each dtype: to encode them takes longer than most of what they are
    * for.
    */
  private def blocks(dtype: DType): IndexedSeq[Array[Byte]] = encoded.computeIfAbsent(
    dtype,
    _ => {
      val count = 200
      val size = dtype.bytes(dtype.blockElements().toLong).toInt
      val memory = Memory.allocate(count.toLong * size)
      try {
        BlockFormat.encode(dtype, new Draws(1).uniform(count * dtype.blockElements()), memory, 0)
        IndexedSeq.tabulate(count) { i =>
          val block = new Array[Byte](size)
          memory.readBytes(i.toLong * size, block, 0, size)
          block
        }
      } finally memory.close()
    }
  )
}
