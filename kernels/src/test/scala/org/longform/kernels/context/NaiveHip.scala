package org.longform.kernels.context

import org.longform.kernels.attention.PositionEncoding

/** InfiniteHiP by its specification, with plain lists and recursion.
  *
  * @param stages
  *   tokens of a chunk, tokens kept, refresh, stride
  */
final case class NaiveHip(
    global: Int,
    local: Int,
    stages: Seq[(Int, Int, Int, Int)],
    eachHead: Boolean,
    indexed: Boolean,
    first: Boolean
) {
  type Chunks = Seq[Seq[Int]]

  /** For each block its end, and for each head the tokens it sees in order. */
  def read(s: Sequence, encoding: PositionEncoding, ends: Seq[Int]): Map[(Int, Int), Seq[Int]] = {
    var found = Seq.fill(stages.size)(Option.empty[Chunks])
    var singles = 0
    var seen = Map.empty[(Int, Int), Seq[Int]]
    for ((from, to) <- (0 +: ends.init).zip(ends)) {
      val coarse = stages.head._1
      val chunks = math.max(0, (from - local - global) / coarse)
      val middleEnd = global + chunks * coarse
      val fits = chunks == 0 || stages.forall { case (chunk, keep, _, _) =>
        math.max(1, keep / chunk) * chunk >= chunks * coarse
      }
      val lists: Chunks =
        if (fits) Seq.fill(s.heads)(0 until to)
        else {
          var candidates: Chunks = Seq.fill(s.heads)(global until middleEnd by coarse)
          for (((chunk, keep, refresh, stride), i) <- stages.zipWithIndex) {
            if (to - from > 1 || singles % refresh == 0 || found(i).isEmpty) {
              val kept =
                best(s, encoding, from until to, candidates, chunk, math.max(1, keep / chunk), stride)
              found = found.updated(i, Some(kept))
            }
            val width = if (i + 1 < stages.size) stages(i + 1)._1 else 1
            candidates = found(i).get.map(_.flatMap(start => start until start + chunk by width))
          }
          candidates.map(selected => (0 until global) ++ selected ++ (middleEnd until to))
        }
      for (head <- 0 until s.heads; i <- from until to) seen += (head, i) -> lists(head)
      singles = if (to - from == 1) singles + 1 else 0
    }
    seen
  }

  private def best(
      s: Sequence,
      encoding: PositionEncoding,
      block: Range,
      candidates: Chunks,
      chunk: Int,
      kept: Int,
      stride: Int
  ): Chunks =
    if (candidates.head.size <= kept) candidates
    else {
      val scores = candidates.zipWithIndex.map { case (starts, head) =>
        starts.zipWithIndex.map { case (start, number) =>
          score(
            s,
            encoding,
            head,
            block,
            stride,
            start,
            start + chunk,
            number,
            starts.size,
            Double.NegativeInfinity
          )
        }
      }
      val pooled = if (eachHead) scores else Seq.fill(s.heads)(scores.transpose.map(_.max))
      candidates.zip(pooled).map { case (starts, own) =>
        starts.zip(own).sortBy { case (start, score) => (-score, start) }.take(kept).map(_._1).sorted
      }
    }

  private def score(
      s: Sequence,
      encoding: PositionEncoding,
      head: Int,
      block: Range,
      stride: Int,
      a: Int,
      b: Int,
      number: Int,
      chunks: Int,
      best: Double
  ): Double =
    if (b - a < 2) best
    else {
      val c = (a + b) / 2
      val away = math.max(0, local - stages.head._1)
      def probe(key: Int, right: Boolean): Double =
        block
          .grouped(stride)
          .map { group =>
            group.map { i =>
              val distance =
                if (indexed) math.min(i, chunks + away) - number else away + (if (right) 0 else 1)
              DenseOracle.logit(encoding, head, s.query(head, i), s.key(s.kvHead(head), key), distance)
            }.sum / group.size
          }
          .max
      val left = probe(if (first) a else (a + c) / 2, right = false)
      val right = probe(if (first) c else (c + b) / 2, right = true)
      val better = if (left > right) left else right
      val so = if (first) better else math.max(best, better)
      if (left > right) score(s, encoding, head, block, stride, a, c, number, chunks, so)
      else score(s, encoding, head, block, stride, c, b, number, chunks, so)
    }
}
