package org.longform.generate

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.options.Options
import org.scalatest.funsuite.AnyFunSuite

import java.util.Random
import scala.collection.JavaConverters._

class SamplerSuite extends AnyFunSuite {
  private val seed = 20260101L

  private def parameters(pairs: (String, Any)*): SamplingParameters = SamplingParameters.of(
    Options.ofCall(pairs.map { case (key, value) => key -> value.toString }.toMap.asJava)
  )

  private def logits(random: Random, size: Int): Array[Float] =
    Array.fill(size)((random.nextGaussian() * 3).toFloat)

  /** The rules as Transformers writes them, in double, with whole sorts: probabilities by id. */
  private def naive(parameters: SamplingParameters, logits: Array[Float], seen: Set[Int]): Array[Double] = {
    var scores = logits.map(_.toDouble).zipWithIndex.map { case (score, id) =>
      if (!seen(id)) score
      else if (score > 0) score / parameters.repetitionPenalty
      else score * parameters.repetitionPenalty
    }
    def softmax: Array[Double] = {
      val exps = scores.map(score => math.exp(score - scores.max))
      exps.map(_ / exps.sum)
    }
    scores = scores.map(_ / parameters.temperature)
    if (parameters.topK > 0) {
      val kth = scores.sorted.reverse(math.min(parameters.topK, scores.length) - 1)
      scores = scores.map(score => if (score < kth) Double.NegativeInfinity else score)
    }
    if (parameters.topP < 1) {
      val probabilities = softmax
      val ascending = scores.indices.sortBy(id => (scores(id), -id))
      val running = ascending.scanLeft(0.0)((sum, id) => sum + probabilities(id)).tail
      ascending.zip(running).dropRight(1).foreach { case (id, sum) =>
        if (sum <= 1 - parameters.topP) scores(id) = Double.NegativeInfinity
      }
    }
    if (parameters.minP > 0) {
      val probabilities = softmax
      val least = parameters.minP * probabilities.max
      scores = scores.zip(probabilities).map { case (score, probability) =>
        if (probability < least) Double.NegativeInfinity else score
      }
    }
    softmax
  }

  test("greedy takes the highest score and of equal ones the lowest id") {
    val sampler = new Sampler(parameters(), 1)
    assert(sampler.next(Array(1f, 3f, 2f, 3f)) == 1)
    assert(sampler.next(Array(Float.NegativeInfinity, -5f)) == 1)
    assert(sampler.next(Array(0f, 0f)) == 0)
  }

  test("a draw lands where the running sum of the naive probabilities passes the uniform number") {
    info(s"seed $seed")
    val random = new Random(seed)
    var drawn = Set.empty[Int]
    for (_ <- 1 to 400) {
      val size = 1 + random.nextInt(60)
      val parameterSet = parameters(
        "temperature" -> (0.2 + random.nextDouble() * 2),
        "top_k" -> (if (random.nextBoolean()) 0 else 1 + random.nextInt(70)),
        "top_p" -> (if (random.nextBoolean()) 1.0 else 0.05 + random.nextDouble() * 0.9),
        "min_p" -> (if (random.nextBoolean()) 0.0 else random.nextDouble() * 0.5),
        "repetition_penalty" -> (0.5 + random.nextDouble())
      )
      val scores = logits(random, size)
      val seen = Seq.fill(5)(random.nextInt(size)).toSet
      val probabilities = naive(parameterSet, scores, seen)
      val key = random.nextLong()
      val sampler = new Sampler(parameterSet, key)
      seen.foreach(id => sampler.observe(id))
      val uniform = new SplitMix64(key).nextDouble()
      val expected = probabilities.scanLeft(0.0)(_ + _).tail.indexWhere(_ > uniform)
      val token = sampler.next(scores)
      drawn += token
      assert(token == expected, s"$parameterSet $uniform")
    }
    assert(drawn.size > 20)
  }

  test("the candidates are those of the naive rules, ties included") {
    info(s"seed $seed")
    val random = new Random(seed + 1)
    for (_ <- 1 to 400) {
      val size = 1 + random.nextInt(40)
      // few distinct scores: many ties
      val scores = Array.fill(size)((random.nextInt(5) - 2).toFloat)
      val (k, p, min) =
        (random.nextInt(size + 3), 0.1 + random.nextInt(9) * 0.1, random.nextInt(4) * 0.2)
      val candidates =
        new Candidates(scores.map(_.toDouble), Candidates.argmax(scores.map(_.toDouble)), 1.0, k)
      candidates.keepTopP(p)
      candidates.keepMinP(min)
      val expected =
        naive(parameters("temperature" -> 1.0, "top_k" -> k, "top_p" -> p, "min_p" -> min), scores, Set.empty)
      // a sum exactly on the border may round to either side
      val onBorder = candidates.ids.length != expected.count(_ > 0)
      if (onBorder) {
        assert(math.abs(candidates.ids.length - expected.count(_ > 0)) == 1, s"$k $p $min")
      } else {
        assert(candidates.ids.toSeq == expected.indices.filter(id => expected(id) > 0))
      }
    }
  }

  test("of a whole vocabulary the best ones stay, wherever they are") {
    val random = new Random(seed + 3)
    val scores = Array.fill(130000)(random.nextGaussian() * 3)
    for (
      order <- Seq[Array[Double] => Array[Double]](identity, _.sorted, _.sorted.reverse);
      k <- Seq(1, 40, 1000)
    ) {
      val ordered = order(scores)
      val least = scores.sorted.reverse(k - 1)
      val candidates = new Candidates(ordered, Candidates.argmax(ordered), 0.8, k)
      assert(candidates.ids.toSeq == ordered.indices.filter(id => ordered(id) >= least))
      assert(math.abs(candidates.probabilities.sum - 1) < 1e-9)
    }
  }

  test("scores that differ are no tie, however hot") {
    val candidates = new Candidates(Array(1.0, 3.0, 2.0), 1, 1e300, 2)
    assert(candidates.ids.toSeq == Seq(1, 2))
    assert(candidates.probabilities.toSeq == Seq(0.0, 0.5, 0.5))
  }

  test("frequencies follow the probabilities") {
    val scores = Array(0f, 1f, 2f, 3f)
    val sampler = new Sampler(parameters("temperature" -> 1), 42)
    val counts = new Array[Int](4)
    for (_ <- 1 to 20000) counts(sampler.next(scores)) += 1
    val expected = naive(parameters("temperature" -> 1), scores, Set.empty)
    counts.zip(expected).foreach { case (count, probability) =>
      assert(math.abs(count / 20000.0 - probability) < 0.012)
    }
  }

  test("the same seed gives the same tokens, another seed others") {
    val random = new Random(seed + 2)
    val steps = Seq.fill(50)(logits(random, 100))
    def run(key: Long): Seq[Int] = {
      val sampler = new Sampler(parameters("temperature" -> 1.5), key)
      steps.map(sampler.next)
    }
    assert(run(5) == run(5))
    assert(run(5) != run(6))
  }

  test("seeds and random numbers are the written ones on every JVM") {
    // reference values of SplitMix64 with state 1234567, as the published C code gives them
    val random = new SplitMix64(1234567)
    assert(
      Seq.fill(3)(random.nextLong()) ==
        Seq(6457827717110365317L, 3203168211198807973L, -8629252141511181193L)
    )
    assert(RowSeed.of(0, "a") != RowSeed.of(1, "a"))
    assert(RowSeed.of(0, "a") != RowSeed.of(0, "b"))
    val digest = java.security.MessageDigest.getInstance("SHA-256")
    digest.update(Array[Byte](0, 0, 0, 0, 0, 0, 1, 2))
    val expected = java.nio.ByteBuffer.wrap(digest.digest("ключ".getBytes("UTF-8"))).getLong
    assert(RowSeed.of(258, "ключ") == expected)
  }

  test("the penalty counts tokens that were observed or returned, for greedy too") {
    val sampler = new Sampler(parameters("repetition_penalty" -> 2), 1)
    assert(sampler.penalizesRepetition)
    assert(sampler.next(Array(3f, 2f, 1f)) == 0)
    assert(sampler.next(Array(3f, 2f, 1f)) == 1)
    assert(sampler.next(Array(3f, 2f, 1.6f)) == 2)
    val negative = new Sampler(parameters("repetition_penalty" -> 2), 1)
    negative.observe(0)
    assert(negative.next(Array(-1f, -1.5f)) == 1)
    assert(!new Sampler(parameters(), 1).penalizesRepetition)
  }

  test("a vanishing temperature is as greedy as zero and does not overflow") {
    val sampler = new Sampler(parameters("temperature" -> "1e-300"), 3)
    assert(sampler.next(Array(1f, 5f, 4.999f)) == 1)
    assert(sampler.next(Array(1e30f, -1e30f)) == 0)
  }

  test("scores that are no numbers are refused with the token") {
    val error = intercept[LongformException](new Sampler(parameters(), 1).next(Array(1f, Float.NaN)))
    assert(error.errorClass == ErrorClass.INTERNAL)
    assert(error.getMessage.startsWith("Cannot choose a token: the score of token 1"))
    val infinite = Array.fill(3)(Float.NegativeInfinity)
    assert(
      intercept[LongformException](new Sampler(parameters(), 1).next(infinite)).getMessage
        .contains("none of 3 tokens has a finite score")
    )
  }
}
