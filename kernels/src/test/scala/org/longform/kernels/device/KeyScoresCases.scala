package org.longform.kernels.device

import org.longform.kernels.attention.PositionEncoding.Rope
import org.longform.kernels.cache.KvDType

/** Scores of listed keys, rotated or not, against float64. */
object KeyScoresCases {
  private val tokens = 150

  private def scores(kernels: Kernels, seed: Long, headDim: Int, heads: Int, kvHeads: Int, dtype: KvDType)(
      queries: Int,
      keys: Int,
      turned: Boolean
  ): Array[Float] = {
    val random = new scala.util.Random(seed)
    val draws = new Draws(seed)
    val cache = draws.cache(kvHeads, headDim, tokens, draws.uniform(_), dtype)
    try {
      val rope = new Rope(
        Array.fill(headDim / 2)(random.nextDouble()),
        1.25,
        Rope.Layout.values()(random.nextInt(2))
      )
      kernels.keyScores(
        new KeyScoresRequest(
          draws.uniform(queries * heads * headDim),
          heads,
          cache.view(0),
          Array.fill(heads * keys)(random.nextInt(tokens).toLong),
          rope,
          if (turned) Array.fill(keys)(random.nextInt(5000).toDouble) else Array()
        )
      )
    } finally cache.close()
  }

  val ALL: Seq[KernelCase] = for {
    (headDim, seed) <- Seq(1, 2, 6, 8, 32, 70).zipWithIndex
    (heads, kvHeads) <- Seq((1, 1), (4, 2), (6, 1))
    dtype <- KvDType.values().toSeq
  } yield KernelCase("keyScores", s"$heads heads of $headDim over $kvHeads, cache $dtype") {
    (reference, device) =>
      for (queries <- Seq(1, 3); keys <- Seq(0, 1, 37); turned <- Seq(false, true)) {
        def run(kernels: Kernels) =
          scores(kernels, seed.toLong, headDim, heads, kvHeads, dtype)(queries, keys, turned)
        val expected = run(reference)
        assert(expected.length == heads * keys)
        KernelCase.close("score", run(device), expected, 1e-4 * math.sqrt(headDim.toDouble))
      }
  }
}
