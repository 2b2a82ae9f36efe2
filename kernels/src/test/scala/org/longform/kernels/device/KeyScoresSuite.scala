package org.longform.kernels.device

import org.longform.kernels.attention.PositionEncoding
import org.longform.kernels.cache.{KvCache, KvDType, KvShape}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.Tensor
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** Scores of listed keys on every device, against float64. */
class KeyScoresSuite extends AnyFunSuite {
  private val devices =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).map(d => d.name() -> d.open(2))
  private val reference = devices.toMap.apply("reference")

  private def floats(random: Random, count: Int): Array[Float] =
    Array.fill(count)(random.nextGaussian().toFloat)

  private def withCache[A](shape: KvShape, tokens: Int, random: Random)(use: KvCache => A): A = {
    val cache = new KvCache(shape)
    val width = shape.kvHeads(0) * shape.headDim()
    val keys = Tensor.of(floats(random, tokens * width), tokens.toLong, width.toLong)
    try {
      cache.reserve(tokens)
      cache.put(0, keys, keys)
      cache.commit()
      use(cache)
    } finally {
      keys.close()
      cache.close()
    }
  }

  test("every device scores listed keys as the reference does, rotated or not") {
    for (
      (headDim, seed) <- Seq(1, 2, 6, 8, 32, 70).zipWithIndex;
      (heads, kvHeads) <- Seq((1, 1), (4, 2), (6, 1)); dtype <- KvDType.values
    ) {
      val random = new Random(seed.toLong)
      val shape = new KvShape(1, kvHeads, headDim, dtype)
      withCache(shape, 150, random) { cache =>
        for (queries <- Seq(1, 3); keys <- Seq(0, 1, 37); turned <- Seq(false, true)) {
          val layout = PositionEncoding.Rope.Layout.values()(random.nextInt(2))
          val rope = new PositionEncoding.Rope(Array.fill(headDim / 2)(random.nextDouble()), 1.25, layout)
          val request = new KeyScoresRequest(
            floats(random, queries * heads * headDim),
            heads,
            cache.view(0),
            Array.fill(heads * keys)(random.nextInt(150).toLong),
            rope,
            if (turned) Array.fill(keys)(random.nextInt(5000).toDouble) else Array()
          )
          val expected = reference.keyScores(request)
          assert(expected.length == heads * keys)
          for ((name, kernels) <- devices)
            kernels.keyScores(request).zip(expected).foreach { case (a, b) =>
              assert(math.abs(a - b) < 1e-4 * math.sqrt(headDim.toDouble), s"$name, $shape, $queries queries")
            }
        }
      }
    }
  }

  test("the largest product counts, and what is not a number never") {
    withCache(new KvShape(1, 1, 2), 3, new Random(1)) { cache =>
      val key = new Array[Float](2)
      cache.view(0).readKey(0, 1, key)
      for ((_, kernels) <- devices) {
        def score(queries: Float*) =
          kernels
            .keyScores(new KeyScoresRequest(queries.toArray, 1, cache.view(0), Array(1L), null, Array()))
            .head
        assert(score(1, 0, 0, 1) == math.max(key(0), key(1)))
        assert(score(1, 0, Float.NaN, 1) == key(0))
        assert(score(Float.NaN, 1) == Float.NegativeInfinity)
      }
    }
  }

  test("requests that do not fit the cache are refused") {
    withCache(new KvShape(1, 2, 4), 10, new Random(2)) { cache =>
      for ((_, kernels) <- devices) {
        def refusal(queries: Int, heads: Int, rows: Array[Long], positions: Array[Double]) = {
          val error = intercept[LongformException](
            kernels.keyScores(
              new KeyScoresRequest(new Array(queries), heads, cache.view(0), rows, null, positions)
            )
          )
          assert(error.errorClass() == ErrorClass.INVALID_PLAN)
          error.getMessage
        }
        assert(
          refusal(8, 2, Array(1, 10), Array()).startsWith(
            "Cannot score keys: token 10 is asked for, the cache holds "
          )
        )
        assert(
          refusal(9, 2, Array(1, 2), Array()).startsWith("Cannot score keys: 9 query values and 2 rows ")
        )
        assert(
          refusal(8, 2, Array(1, 2), Array(1, 2)).startsWith(
            "Cannot score keys: 2 positions are not those of 1 keys."
          )
        )
      }
    }
  }
}
