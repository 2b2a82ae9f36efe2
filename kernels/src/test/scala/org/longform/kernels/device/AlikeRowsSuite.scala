package org.longform.kernels.device

import org.longform.kernels.device.cpu.CpuDevice
import org.longform.kernels.tensor.{BlockFormat, DType, Tensor}
import org.scalatest.funsuite.AnyFunSuite

/** What `Kernels.alikeRows` promises, on every device and every instruction set. */
class AlikeRowsSuite extends AnyFunSuite {
  private val providers =
    Devices.ALL.toArray(Array.empty[DeviceProvider]).toSeq ++
      new CpuDevice().variants().toArray(Array.empty[DeviceProvider])
  private val dtypes = DType.values().toSeq.filter(t => !t.isQuantised || BlockFormat.known(t))

  /** The rows of a tensor after an operation that changes each in its place. */
  private def rows(x: Tensor)(change: Tensor => Unit): Seq[Seq[Float]] = {
    val copy = Tensor.of(x.toArray, x.rows(), x.shape().rowElements())
    try {
      change(copy)
      copy.toArray.toSeq.grouped(x.shape().rowElements().toInt).toSeq
    } finally copy.close()
  }

  private def alike(name: String, x: Tensor)(change: Tensor => Unit): Unit = {
    val together = rows(x)(change)
    for (row <- 0 until x.rows().toInt)
      assert(
        rows(x.rows(row.toLong, 1))(change).head == together(row),
        s"$name, row $row of ${x.rows()}"
      )
  }

  for (provider <- providers if !provider.whyUnavailable().isPresent) {
    test(s"${provider.name()} computes as many rows alike as it says") {
      val kernels = provider.open(2)
      val draws = new Draws(provider.name().hashCode.toLong)
      for (tokens <- 1 to math.min(kernels.alikeRows(), 9)) {
        for (dtype <- dtypes; inner <- Seq(96, 256, 1056) if inner % dtype.blockElements() == 0) {
          val (stored, memory) = draws.stored(dtype, 70, inner.toLong)
          val weight = kernels.weight(stored)
          val x = draws.tensor(tokens, inner)
          def product(values: Tensor): Seq[Seq[Float]] = {
            val out = Tensor.allocate(values.rows(), 70)
            try {
              kernels.matmul(values, weight, out)
              out.toArray.toSeq.grouped(70).toSeq
            } finally out.close()
          }
          try {
            val together = product(x)
            for (row <- 0 until tokens)
              assert(
                product(x.rows(row.toLong, 1)).head == together(row),
                s"$dtype, row $row of $tokens"
              )
          } finally {
            x.close()
            weight.close()
            memory.close()
          }
        }
        val (stored, memory) = draws.stored(DType.F32, 1056)
        val gain = kernels.weight(stored)
        val x = draws.tensor(tokens, 1056)
        try {
          alike("rmsNorm", x)(y => kernels.rmsNorm(y, gain, 1e-5, y))
          alike("addBias", x)(y => kernels.addBias(y, gain))
          // each row as its own other side
          alike("add", x)(y => kernels.add(y, y))
          alike("layerNorm", x)(y => kernels.layerNorm(y, gain, 1e-5, y))
          for (f <- Activation.values()) alike(f.name(), x)(y => kernels.activate(f, y))
          alike("softCap", x)(y => kernels.softCap(y, 3))
          alike("swiGlu", x) { y =>
            val up = Tensor.of(y.toArray, y.rows(), 1056)
            try kernels.swiGlu(y, up)
            finally up.close()
          }
        } finally {
          x.close()
          gain.close()
          memory.close()
        }
      }
    }
  }

  test("the processor's own device computes more than one row alike") {
    val cpu = providers.filter(p => p.name().startsWith("cpu") && !p.whyUnavailable().isPresent)
    assert(cpu.nonEmpty && cpu.forall(_.open(1).alikeRows() >= 8))
  }
}
