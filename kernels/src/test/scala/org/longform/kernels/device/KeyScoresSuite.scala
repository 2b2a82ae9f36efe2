package org.longform.kernels.device

import org.longform.kernels.cache.{KvCache, KvShape}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.Tensor
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** What every device makes of listed keys that are no numbers or not there; the rest is in
  * [[KeyScoresCases]].
  */
class KeyScoresSuite extends AnyFunSuite {
  private val devices =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).map(d => d.name() -> d.open(2))

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
