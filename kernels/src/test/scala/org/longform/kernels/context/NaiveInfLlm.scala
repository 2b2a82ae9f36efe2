package org.longform.kernels.context

import org.longform.kernels.attention.PositionEncoding

/** InfLLM by its specification, with plain sets and loops. */
final case class NaiveInfLlm(
    global: Int,
    local: Int,
    unit: Int,
    seen: Int,
    representatives: Int,
    eachHead: Boolean
) {

  /** Distances of all tokens, read in blocks with the given ends, and what each token got from each head
    * while it was near.
    */
  def read(
      s: Sequence,
      encoding: PositionEncoding,
      ends: Seq[Int]
  ): (DenseOracle.Distance, Array[Array[Double]]) = {
    val received = Array.ofDim[Double](s.heads, s.tokens)
    val far = Array.fill(s.heads, s.tokens)(Set.empty[Int])
    def distance(head: Int, i: Int, j: Int): Double =
      if (j > i) DenseOracle.Masked
      else if (i - j < local) i - j
      else if (far(head)(i)(j)) local - 1
      else DenseOracle.Masked
    for ((from, to) <- (0 +: ends.init).zip(ends)) {
      val units = (0 until s.tokens).takeWhile(u => global + (u + 1) * unit + local <= from)
      val scores = units.map(score(s, encoding, received, from until to, _))
      val behind = (global + units.size * unit until s.tokens).toSet
      for (head <- 0 until s.heads) {
        val own = scores.map(all => if (eachHead) all(head) else all.sum)
        val chosen = units.sortBy(u => (-own(u), u)).take(seen)
        val tokens = chosen.flatMap(u => global + u * unit until global + (u + 1) * unit).toSet
        for (i <- from until to) far(head)(i) = tokens ++ behind ++ (0 until global)
        for (
          i <- from until to; (j, weight) <- DenseOracle.weights(s, encoding, head, i, distance)
          if i - j < local
        )
          received(head)(j) += weight
      }
    }
    (distance, received)
  }

  /** Of each head: the mean product of the block's queries with the representatives' mean key. */
  private def score(
      s: Sequence,
      encoding: PositionEncoding,
      received: Array[Array[Double]],
      block: Range,
      u: Int
  ): Seq[Double] =
    (0 until s.heads).map { head =>
      val tokens = global + u * unit until global + (u + 1) * unit
      val chosen = tokens.sortBy(j => (-received(head)(j), j)).take(representatives)
      val products =
        for (i <- block; j <- chosen)
          yield DenseOracle.logit(encoding, head, s.query(head, i), s.key(s.kvHead(head), j), local - 1)
      products.sum / products.size
    }
}
