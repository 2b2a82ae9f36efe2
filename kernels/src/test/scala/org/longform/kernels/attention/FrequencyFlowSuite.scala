package org.longform.kernels.attention

import org.longform.kernels.attention.FrequencyFlow.{Activation, Network}
import org.longform.kernels.attention.PositionEncoding.Rope
import org.longform.kernels.model.RopeScaling
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

class FrequencyFlowSuite extends AnyFunSuite {
  private val plain = Rope.plain(16, 10000).inverseFrequencies()

  private def network(seed: Long, width: Int, activation: Activation): Network = {
    val random = new Random(seed)
    def weights = Array.fill(8 * width)((random.nextGaussian() / 16).toFloat)
    new Network(weights, weights, activation)
  }

  /** Largest difference of logarithms. */
  private def difference(a: Array[Double], b: Array[Double]): Double =
    a.zip(b).map { case (x, y) => math.abs(math.log(x / y)) }.max

  test("without a learned part the equation leads to its closed form") {
    for (activation <- Activation.values()) {
      val random = network(1, 16, activation)
      val unlearned = new Network(random.up(), new Array[Float](8 * 16), activation)
      val flow = FrequencyFlow.solve(plain, unlearned, 16, 100)
      assert(flow.most() == 16)
      for (factor <- 1 to 16) {
        val expected =
          plain.indices.map(i => math.pow(10000, -i / 8.0) * math.pow(2 * factor - 1, -2 * i / 14.0)).toArray
        assert(difference(flow.inverseFrequencies(factor), expected) < 1e-8)
        assert(difference(FrequencyFlow.unlearned(plain, factor), expected) < 1e-12)
      }
    }
  }

  test("with a learned part it leads to what another method finds") {
    for ((activation, seed) <- Activation.values().toSeq.zip(Seq(2L, 3L))) {
      val learned = network(seed, 16, activation)
      val flow = FrequencyFlow.solve(plain, learned, 5, 100)
      for (factor <- 2 to 5) {
        val expected = NaiveFlow.frequencies(plain, learned, factor, 150)
        assert(difference(flow.inverseFrequencies(factor), expected) < 1e-6, s"$activation, $factor")
      }
      assert(difference(flow.inverseFrequencies(5), FrequencyFlow.unlearned(plain, 5)) > 0.01)
    }
  }

  test("half the steps change next to nothing, and at factor 1 the frequencies are the model's own") {
    val learned = network(4, 32, Activation.SILU)
    val fine = FrequencyFlow.solve(plain, learned, 8, 200)
    val coarse = FrequencyFlow.solve(plain, learned, 8, 100)
    (1 to 8).foreach(t => assert(difference(fine.inverseFrequencies(t), coarse.inverseFrequencies(t)) < 1e-6))
    assert(fine.inverseFrequencies(1) sameElements plain)
    coarse.inverseFrequencies(1)(0) = 7
    assert(coarse.inverseFrequencies(1) sameElements plain)
  }

  test("the closed form is the base that grows with the length, at whole multiples of the window") {
    for (factor <- Seq(1, 2, 7)) {
      val grown = new RopeScaling.Dynamic(2, 64).inverseFrequencies(10000, 16, 64L * factor)
      assert(difference(FrequencyFlow.unlearned(plain, factor), grown) < 1e-12)
    }
  }

  test("matrices that do not fit are refused") {
    intercept[IllegalArgumentException](
      FrequencyFlow.solve(plain, new Network(new Array(24), new Array(16), Activation.TANH), 2, 10)
    )
    intercept[IllegalArgumentException](
      FrequencyFlow.solve(plain, new Network(new Array(17), new Array(17), Activation.TANH), 2, 10)
    )
  }
}
