package org.longform.kernels.model.families

/** The pieces that decoders are made of, in float64 on plain arrays, one vector after the other, each as its
  * paper writes it.
  */
object Naive {
  type Vec = Array[Double]

  def dot(a: Vec, b: Vec): Double = {
    require(a.length == b.length, s"${a.length} and ${b.length} values")
    var sum = 0.0
    for (i <- a.indices) sum += a(i) * b(i)
    sum
  }

  def plus(a: Vec, b: Vec): Vec = {
    require(a.length == b.length, s"${a.length} and ${b.length} values")
    Array.tabulate(a.length)(i => a(i) + b(i))
  }

  def times(a: Vec, b: Vec): Vec = {
    require(a.length == b.length, s"${a.length} and ${b.length} values")
    Array.tabulate(a.length)(i => a(i) * b(i))
  }

  def scaled(a: Vec, factor: Double): Vec = a.map(_ * factor)

  /** The rows of a matrix, each as long as `x`, times `x`. */
  def linear(matrix: Vec, x: Vec): Vec = {
    require(matrix.length % x.length == 0, s"a matrix of ${matrix.length} values for ${x.length}")
    matrix.grouped(x.length).map(dot(_, x)).toArray
  }

  /** One row of a table. */
  def row(table: Vec, index: Int, width: Int): Vec = table.slice(index * width, (index + 1) * width)

  /** Consecutive parts: the heads of a vector. */
  def split(x: Vec, width: Int): Vector[Vec] = x.grouped(width).toVector

  /** Zhang and Sennrich 2019. */
  def rmsNorm(x: Vec, gain: Vec, epsilon: Double): Vec = {
    val root = math.sqrt(x.map(v => v * v).sum / x.length + epsilon)
    times(x.map(_ / root), gain)
  }

  /** Ba et al. 2016; without a bias where `offset` is empty. */
  def layerNorm(x: Vec, gain: Vec, offset: Option[Vec], epsilon: Double): Vec = {
    val mean = x.sum / x.length
    val variance = x.map(v => (v - mean) * (v - mean)).sum / x.length
    val normed = times(x.map(v => (v - mean) / math.sqrt(variance + epsilon)), gain)
    offset.fold(normed)(plus(normed, _))
  }

  def silu(x: Double): Double = x / (1 + math.exp(-x))

  /** `x` times the probability that a normal number is below it, integrated by Simpson's rule. */
  def gelu(x: Double): Double = {
    val steps = 400
    def density(t: Double): Double = math.exp(-t * t / 2) / math.sqrt(2 * math.Pi)
    val parts = (0 to steps).map { i =>
      val weight = if (i == 0 || i == steps) 1 else if (i % 2 == 1) 4 else 2
      weight * density(x * i / steps)
    }
    x * (0.5 + parts.sum * x / steps / 3)
  }

  /** The approximation that models name gelu_new and gelu_pytorch_tanh. */
  def geluTanh(x: Double): Double =
    0.5 * x * (1 + math.tanh(math.sqrt(2 / math.Pi) * (x + 0.044715 * x * x * x)))

  def softmax(logits: Seq[Double]): Seq[Double] = {
    val top = logits.max
    val exps = logits.map(x => math.exp(x - top))
    val sum = exps.sum
    exps.map(_ / sum)
  }

  /** Bounds a number smoothly. */
  def softCap(x: Double, cap: Double): Double = cap * math.tanh(x / cap)

  /** Turns the pairs of dimension i and dimension i + n, where n is the number of frequencies; dimensions
    * beyond 2 n stay.
    */
  def turnHalves(head: Vec, position: Int, frequencies: Vec, factor: Double = 1): Vec =
    turn(head, frequencies.indices.map(i => (i, i + frequencies.length)), position, frequencies, factor)

  /** Turns the pairs of neighbours 2 i and 2 i + 1; dimensions beyond them stay. */
  def turnNeighbours(head: Vec, position: Int, frequencies: Vec): Vec =
    turn(head, frequencies.indices.map(i => (2 * i, 2 * i + 1)), position, frequencies, 1)

  private def turn(
      head: Vec,
      pairs: Seq[(Int, Int)],
      position: Int,
      frequencies: Vec,
      factor: Double
  ): Vec = {
    val turned = head.clone()
    for (((a, b), frequency) <- pairs.zip(frequencies)) {
      val (cos, sin) = (math.cos(position * frequency), math.sin(position * frequency))
      turned(a) = factor * (head(a) * cos - head(b) * sin)
      turned(b) = factor * (head(b) * cos + head(a) * sin)
    }
    turned
  }

  /** Which token sees which: (query, key). */
  type Sees = (Int, Int) => Boolean

  val causal: Sees = (t, s) => s <= t

  /** The last `width` tokens, of which the token itself is one. */
  def window(width: Int): Sees = (t, s) => s <= t && t - s < width

  /** What the softmax is taken of: (query head, query, key, product of the two). */
  type Logit = (Int, Int, Int, Double) => Double

  /** Attention of a whole text: queries, keys and values are [token][head], positions applied; the result is
    * [token], heads one after the other. Query heads share key heads in consecutive groups.
    */
  def attention(
      queries: Seq[Seq[Vec]],
      keys: Seq[Seq[Vec]],
      values: Seq[Seq[Vec]],
      sees: Sees,
      logit: Logit
  ): Seq[Vec] =
    queries.indices.map { t =>
      val seen = queries.indices.filter(sees(t, _))
      queries(t).indices.flatMap { h =>
        val group = h * keys(t).length / queries(t).length
        val weights = softmax(seen.map(s => logit(h, t, s, dot(queries(t)(h), keys(s)(group)))))
        val mixed: Vec =
          seen.zip(weights).map { case (s, weight) => scaled(values(s)(group), weight) }.reduce(plus(_, _))
        mixed
      }.toArray
    }
}
