package org.longform.kernels.context

import org.longform.kernels.attention.PositionEncoding

/** ReAttention as in its specification, on plain collections: which tokens a block sees.
  *
  * @param order
  *   "votes" or "rank"
  * @param blocksChoose
  *   or see nothing of the middle
  */
final case class NaiveReAttention(
    global: Int,
    local: Int,
    topK: Int,
    span: Int,
    past: Boolean = false,
    clip: Option[Int] = None,
    budget: Option[Int] = None,
    order: String = "votes",
    faithful: Boolean = false,
    official: Boolean = false,
    norm: Int = 0,
    blocksChoose: Boolean = true
) {
  def ids(sequence: Sequence, first: Int, end: Int): Seq[Int] = {
    val middleEnd =
      if (past) first - local
      else if (faithful && topK > 0 && end > global + local) {
        val mod = (end - global - local) % 128
        end - (local - (128 - mod))
      } else end - local
    if (first == 0 || middleEnd <= global) 0 until end
    else {
      val middle =
        if (blocksChoose || end - first == 1) selected(sequence, first, end, middleEnd) else Seq.empty
      (0 until global) ++ middle ++ (middleEnd until end)
    }
  }

  private def selected(sequence: Sequence, first: Int, end: Int, to: Int): Seq[Int] = {
    val voters =
      for (h <- 0 until sequence.heads; i <- first until end) yield best(sequence, h, i, end - first, to)
    val ranked = (0 until topK).flatMap(rank => voters.flatMap(_.lift(rank)))
    val counts = ranked.groupBy(identity).map { case (row, votes) => row -> votes.size }
    val ordered =
      if (order == "rank") ranked.distinct else counts.keys.toSeq.sortBy(row => (-counts(row), row))
    var chosen = Set.empty[Int]
    for (row <- ordered.take(clip.getOrElse(Int.MaxValue))) {
      val offsets = math.floor(-span / 2.0).toInt to math.floor((span + 1) / 2.0).toInt - 1
      val wanted = offsets.map(o => math.min(math.max(row + o, global), to - 1)).toSet
      if ((chosen ++ wanted).size <= budget.getOrElse(Int.MaxValue)) chosen ++= wanted
    }
    chosen.toSeq.sorted
  }

  private def best(sequence: Sequence, head: Int, row: Int, block: Int, to: Int): Seq[Int] = {
    val blockwise = faithful && block != 1 && (topK == 1 || topK == 4)
    val kvHead = if (official && !blockwise) head % sequence.kvHeads else sequence.kvHead(head)
    val q = sequence.query(head, row)
    def score(j: Int): Double = {
      val value = sequence.value(kvHead, j)
      val factor = norm match {
        case 0 => 1.0
        case 1 => value.map(math.abs).sum
        case _ => math.sqrt(value.map(x => x * x).sum)
      }
      q.zip(sequence.key(kvHead, j)).map { case (a, b) => a * b }.sum * factor
    }
    val candidates =
      if (blockwise) (global until to).grouped(128).map(_.maxBy(score)).toSeq else (global until to)
    val found = candidates.sortBy(j => -score(j)).take(topK)
    if (blockwise) found.padTo(topK, global) else found
  }

  /** Distances for a reading in blocks with the given ends. */
  def distances(sequence: Sequence, ends: Seq[Int]): DenseOracle.Distance = {
    val placeOf = (0 +: ends)
      .zip(ends)
      .flatMap { case (from, to) =>
        val places = ids(sequence, from, to).zipWithIndex.toMap
        (from until to).map(_ -> places)
      }
      .toMap
    (_, i, j) =>
      if (j > i || !placeOf(i).contains(j)) DenseOracle.Masked else (placeOf(i)(i) - placeOf(i)(j)).toDouble
  }
}

/** The Λ mask as in its specification. */
final case class NaiveLmInfinite(global: Int, local: Int, ceiling: Int, topK: Int = 0, insertAt: Int = 0) {

  /** @param asking rows that see the best of the middle */
  def distances(sequence: Sequence, encoding: PositionEncoding, asking: Set[Int]): DenseOracle.Distance = {
    val best = (for (head <- 0 until sequence.heads; i <- asking)
      yield (head, i) -> middle(sequence, encoding, head, i)).toMap
    (head, i, j) => {
      val distance = i - j
      if (distance < 0) DenseOracle.Masked
      else if (distance < local) distance
      else if (j < global) math.min(distance, ceiling)
      else if (best.get((head, i)).exists(_.contains(j))) insertAt
      else DenseOracle.Masked
    }
  }

  def middle(sequence: Sequence, encoding: PositionEncoding, head: Int, i: Int): Seq[Int] = {
    val rows = global until (i - local + 1)
    if (topK == 0 || rows.size < topK) Seq.empty
    else {
      val q = sequence.query(head, i)
      rows
        .sortBy(j => -DenseOracle.logit(encoding, head, q, sequence.key(sequence.kvHead(head), j), insertAt))
        .take(topK)
    }
  }
}

/** Sinks and window as a packed cache sees them, token by token. */
final case class NaiveStreaming(global: Int, local: Int) {
  def distances: DenseOracle.Distance =
    (_, i, j) => DenseOracle.packed((0 to i).filter(row => row < global || i - row < local), i, j)
}
