package org.longform.kernels.model

/** The scaled rotary frequencies, written a second time from the papers and the comments of their reference
  * implementations, by wavelength rather than by formula where that is possible.
  */
object NaiveRope {
  private def wavelength(i: Int, dims: Int, theta: Double): Double =
    2 * math.Pi * math.exp(math.log(theta) * 2 * i / dims)

  def plain(dims: Int, theta: Double): Array[Double] =
    Array.tabulate(dims / 2)(i => 2 * math.Pi / wavelength(i, dims, theta))

  def linear(dims: Int, theta: Double, factor: Double): Array[Double] =
    Array.tabulate(dims / 2)(i => 2 * math.Pi / (wavelength(i, dims, theta) * factor))

  def dynamic(dims: Int, theta: Double, factor: Double, window: Double, length: Double): Array[Double] = {
    val stretched = if (length > window) 1 + factor * (length - window) / window else 1.0
    val base = theta * math.exp(math.log(stretched) * dims / (dims - 2))
    plain(dims, base)
  }

  def llama3(
      dims: Int,
      theta: Double,
      factor: Double,
      low: Double,
      high: Double,
      window: Double
  ): Array[Double] =
    Array.tabulate(dims / 2) { i =>
      val turns = window / wavelength(i, dims, theta)
      val share = math.max(0, math.min(1, (turns - low) / (high - low)))
      val frequency = 2 * math.Pi / wavelength(i, dims, theta)
      share * frequency + (1 - share) * frequency / factor
    }

  def yarn(
      dims: Int,
      theta: Double,
      factor: Double,
      window: Double,
      fast: Double,
      slow: Double,
      truncate: Boolean
  ): Array[Double] = {
    // turns(pair) = window / wavelength(pair), solved for the pair
    def pair(turns: Double): Double = math.log(window / (2 * math.Pi * turns)) / math.log(theta) * dims / 2
    val from = math.max(0, if (truncate) math.floor(pair(fast)) else pair(fast))
    val to = math.min(dims - 1, if (truncate) math.ceil(pair(slow)) else pair(slow))
    val width = if (to == from) 0.001 else to - from
    Array.tabulate(dims / 2) { i =>
      val stretched = math.max(0, math.min(1, (i - from) / width))
      2 * math.Pi / wavelength(i, dims, theta) * (1 - stretched + stretched / factor)
    }
  }
}
