package org.longform.kernels.attention

import org.longform.kernels.attention.FrequencyFlow.{Activation, Network}

/** CLEX's equation written from the paper: frequencies rather than exponents, a classical Runge-Kutta with
  * steps so small that any rule would do.
  */
object NaiveFlow {
  def frequencies(plain: Array[Double], network: Network, factor: Int, stepsOfOne: Int): Array[Double] = {
    val pairs = plain.length
    val d = 2.0 * pairs
    val width = network.up().length / pairs

    /** Frequency of a pair when the base has grown for documents of t windows. */
    def ntk(t: Double, i: Int): Double = math.pow(10000 * math.pow(2 * t - 1, d / (d - 2)), -2.0 * i / d)

    /** Its derivative by t, over itself, from a difference. */
    def drift(t: Double, i: Int): Double = {
      val e = 1e-5
      (ntk(t + e, i) - ntk(t - e, i)) / (2 * e) / ntk(t, i)
    }
    def slope(t: Double, z: Seq[Double]): Seq[Double] = {
      val inner = (0 until width).map { j =>
        (0 until pairs).map(i => (z(i) + math.log(ntk(t, i))) * network.up()(i * width + j)).sum
      }
      val active = inner.map { x =>
        if (network.activation() == Activation.TANH) math.tanh(x) else x / (1 + math.exp(-x))
      }
      (0 until pairs).map { i =>
        (0 until width).map(j => active(j) * network.down()(j * pairs + i)).sum + drift(t, i)
      }
    }
    def plus(a: Seq[Double], h: Double, b: Seq[Double]) = a.zip(b).map { case (x, y) => x + h * y }
    var z: Seq[Double] = plain.map(math.log).toSeq
    val h = 1.0 / stepsOfOne
    for (n <- 0 until (factor - 1) * stepsOfOne) {
      val t = 1 + n * h
      val k1 = slope(t, z)
      val k2 = slope(t + h / 2, plus(z, h / 2, k1))
      val k3 = slope(t + h / 2, plus(z, h / 2, k2))
      val k4 = slope(t + h, plus(z, h, k3))
      z = plus(plus(plus(plus(z, h / 6, k1), h / 3, k2), h / 3, k3), h / 6, k4)
    }
    z.map(math.exp).toArray
  }
}
