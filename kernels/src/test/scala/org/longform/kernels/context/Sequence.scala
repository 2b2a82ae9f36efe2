package org.longform.kernels.context

import org.longform.kernels.cache.{KvCache, KvShape}
import org.longform.kernels.tensor.Tensor

import scala.util.Random

/** Raw queries, keys and values of one layer.
  *
  * @param q
  *   (N, H*D) row-major
  * @param k
  *   (N, G*D)
  * @param v
  *   (N, G*D)
  */
final case class Sequence(
    heads: Int,
    kvHeads: Int,
    headDim: Int,
    q: Array[Float],
    k: Array[Float],
    v: Array[Float]
) {
  val tokens: Int = k.length / (kvHeads * headDim)
  val scale: Double = 1 / math.sqrt(headDim.toDouble)

  def kvHead(head: Int): Int = head / (heads / kvHeads)

  def query(head: Int, row: Int): Array[Double] = slice(q, heads, head, row)
  def key(kvHead: Int, row: Int): Array[Double] = slice(k, kvHeads, kvHead, row)
  def value(kvHead: Int, row: Int): Array[Double] = slice(v, kvHeads, kvHead, row)

  private def slice(from: Array[Float], width: Int, head: Int, row: Int): Array[Double] = {
    val at = (row * width + head) * headDim
    Array.tabulate(headDim)(d => from(at + d).toDouble)
  }

  def queries(from: Int, to: Int): Tensor = rows(q, heads, from, to)

  def append(cache: KvCache, from: Int, to: Int): Unit = {
    cache.reserve(to - from)
    val keys = rows(k, kvHeads, from, to)
    val values = rows(v, kvHeads, from, to)
    cache.put(0, keys, values)
    keys.close()
    values.close()
  }

  def emptyCache(): KvCache = new KvCache(new KvShape(1, kvHeads, headDim))

  private def rows(of: Array[Float], width: Int, from: Int, to: Int): Tensor =
    Tensor.of(of.slice(from * width * headDim, to * width * headDim), to - from, width * headDim)

  /** The same with keys and values of some tokens made unusable. */
  def withNaN(row: Long => Boolean): Sequence = {
    def spoil(of: Array[Float]): Array[Float] =
      of.zipWithIndex.map { case (x, i) => if (row((i / (kvHeads * headDim)).toLong)) Float.NaN else x }
    copy(k = spoil(k), v = spoil(v))
  }

  def take(n: Int): Sequence = slice(0, n)

  /** The tokens from one to before another. */
  def slice(from: Int, to: Int): Sequence =
    copy(
      q = q.slice(from * heads * headDim, to * heads * headDim),
      k = k.slice(from * kvHeads * headDim, to * kvHeads * headDim),
      v = v.slice(from * kvHeads * headDim, to * kvHeads * headDim)
    )
}

object Sequence {
  def random(seed: Long, tokens: Int, heads: Int, kvHeads: Int, headDim: Int): Sequence = {
    val random = new Random(seed)
    def normal(n: Int): Array[Float] = Array.fill(n)(random.nextGaussian().toFloat)
    Sequence(
      heads,
      kvHeads,
      headDim,
      normal(tokens * heads * headDim),
      normal(tokens * kvHeads * headDim),
      normal(tokens * kvHeads * headDim)
    )
  }
}
