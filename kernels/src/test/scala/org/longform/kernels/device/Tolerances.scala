package org.longform.kernels.device

/** How far a device may be from the reference, which sums in float64; one reason for each. */
object Tolerances {

  /** Values are copied or widened, never computed. */
  val EXACT = 0.0

  /** One float32 addition or a few multiplications of values near 1. */
  val ELEMENTWISE = 1e-6

  /** exp by a polynomial (2e-7 relative) under values up to about 10. */
  val ACTIVATION = 5e-6

  /** A float32 sum of `inner` products of values within 1: roundings grow with the square root of the length,
    * and so do the partial sums they act on.
    */
  def product(inner: Int): Double = 1e-6 + 1e-7 * inner

  /** The same with quantised weights, for which a device may round activations within 1 to int8 in blocks of
    * 32: an error of up to 1/254 each, 0.0023 on average, times weights of 0.58 on average, is 0.0013 for
    * each product; errors are independent, and seven standard deviations are allowed.
    */
  def int8Product(inner: Int): Double = 0.01 * math.sqrt(inner.toDouble)

  /** Logits of a few units from float32 products, a softmax and a weighted mean of values within 1. */
  val ATTENTION = 1e-5

  /** Logits of about 2000 carry 2000 * 6e-8 * a few roundings, which the exponential makes relative. */
  val LARGE_LOGITS = 5e-3

  /** ALiBi with distances of 4000: float32 logits of about 1000 near the sum. */
  val LONG_BIAS = 1e-3

  /** Scores of a rotated query, or times a norm: some roundings more than the plain product. */
  val SCORE = 1e-4
}
