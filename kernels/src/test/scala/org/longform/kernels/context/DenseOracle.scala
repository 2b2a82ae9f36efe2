package org.longform.kernels.context

import org.longform.kernels.attention.PositionEncoding

/** Attention written the slow way: for every head and every pair of tokens the distance at which the query
  * sees the key, or NaN where it does not, and one plain softmax in double.
  *
  * A rotation acts on a logit by the distance alone: with the pairs of a head as complex numbers it is Re(q *
  * conj(k) * exp(i * distance * frequency)). Nothing is rotated here, unlike in the code under test.
  */
object DenseOracle {
  type Distance = (Int, Int, Int) => Double

  val Masked: Double = Double.NaN

  /** (N, H*D), the rows of `queries` filled. `distance` is asked for (head, query, key), `gain` for the
    * query.
    */
  def attend(
      sequence: Sequence,
      encoding: PositionEncoding,
      queries: Iterable[Int],
      distance: Distance,
      gain: Int => Double = _ => 1
  ): Array[Float] = {
    val d = sequence.headDim
    val out = new Array[Float](sequence.tokens * sequence.heads * d)
    for (
      head <- 0 until sequence.heads; i <- queries;
      (j, weight) <- weights(sequence, encoding, head, i, distance, gain(i))
    ) {
      val v = sequence.value(sequence.kvHead(head), j)
      for (c <- 0 until d) {
        out((i * sequence.heads + head) * d + c) += (weight * v(c)).toFloat
      }
    }
    out
  }

  /** How much attention a query pays to each key that it sees. */
  def weights(
      sequence: Sequence,
      encoding: PositionEncoding,
      head: Int,
      i: Int,
      distance: Distance,
      gain: Double = 1
  ): Seq[(Int, Double)] = {
    val q = sequence.query(head, i)
    val seen = (0 until sequence.tokens).filterNot(j => distance(head, i, j).isNaN)
    val logits = seen.map { j =>
      val key = sequence.key(sequence.kvHead(head), j)
      logit(encoding, head, q, key, distance(head, i, j)) * sequence.scale * gain -
        bias(encoding, head, distance(head, i, j))
    }
    val exponentials = logits.map(x => math.exp(x - logits.max))
    seen.zip(exponentials.map(_ / exponentials.sum))
  }

  def logit(
      encoding: PositionEncoding,
      head: Int,
      q: Array[Double],
      k: Array[Double],
      distance: Double
  ): Double = encoding match {
    case rope: PositionEncoding.Rope =>
      val frequencies = rope.inverseFrequencies
      val turned = frequencies.indices.map { i =>
        val (a, b) = pair(rope, i)
        val angle = distance * frequencies(i)
        (q(a) * k(a) + q(b) * k(b)) * math.cos(angle) + (q(a) * k(b) - q(b) * k(a)) * math.sin(angle)
      }.sum
      val untouched = (2 * frequencies.length until q.length).map(c => q(c) * k(c)).sum
      turned * rope.attentionFactor * rope.attentionFactor + untouched
    case _ => q.indices.map(c => q(c) * k(c)).sum
  }

  private def pair(rope: PositionEncoding.Rope, i: Int): (Int, Int) =
    if (rope.layout == PositionEncoding.Rope.Layout.HALF_SPLIT) (i, i + rope.pairs) else (2 * i, 2 * i + 1)

  private def bias(encoding: PositionEncoding, head: Int, distance: Double): Double = encoding match {
    case alibi: PositionEncoding.Alibi => alibi.slopes()(head) * distance
    case _                             => 0
  }

  /** The distance matrix of tokens packed without a gap: `ids` of a query in order, itself the last. */
  def packed(ids: Seq[Int], i: Int, j: Int): Double = {
    val at = ids.indexOf(j)
    if (at < 0 || j > i) Masked else (ids.indexOf(i) - at).toDouble
  }
}
