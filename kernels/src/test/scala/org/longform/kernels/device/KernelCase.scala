package org.longform.kernels.device

import org.scalatest.Assertions

/** One operation on one input, run on the reference and on another device.
  *
  * @param operation
  *   the method of [[Kernels]] that must have run
  */
final case class KernelCase(operation: String, name: String)(
    val check: (Kernels, Kernels) => Unit
)

object KernelCase extends Assertions {

  /** Fails with the place of the largest difference. NaN differs from everything. */
  def close(what: String, found: Array[Float], expected: Array[Float], tolerance: Double): Unit = {
    assert(found.length == expected.length, s"$what: lengths")
    var worst = -1
    var difference = tolerance
    for (i <- found.indices) {
      val here =
        if (found(i) == expected(i)) 0.0
        else math.abs(found(i).toDouble - expected(i).toDouble)
      if (!(here <= difference)) {
        worst = i
        difference = if (here.isNaN) Double.MaxValue else here
      }
    }
    assert(
      worst < 0,
      if (worst < 0) "" else s"$what[$worst]: ${found(worst)}, expected ${expected(worst)} ± $tolerance"
    )
  }
}
