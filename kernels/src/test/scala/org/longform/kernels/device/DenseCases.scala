package org.longform.kernels.device

import scala.collection.JavaConverters._

import org.longform.kernels.device.KernelCase.close
import org.longform.kernels.tensor.{BlockFormat, DType, Tensor}

/** Matrix products and the row-wise operations. */
object DenseCases {

  /** Around the widths of vector registers, pages and blocks. */
  val SIZES: Seq[Int] = Seq(1, 2, 7, 8, 9, 31, 32, 33, 64, 65, 96, 127, 128, 129, 256, 768, 4097)

  // what a BlockFormat can write, and so a test can draw
  private val DTYPES: Seq[DType] = DType.values().toSeq.filter(t => !t.isQuantised || BlockFormat.known(t))

  // from 64 on a card asks its library, of weights of 16 bits
  private def tokensFor(size: Int, dtype: DType): Seq[Int] =
    if (size > 1000) Seq(1, 7)
    else Seq(1, 5, 6, 33) ++ Seq(70).filter(_ => dtype == DType.F16 || dtype == DType.BF16)

  /** Multiples of 1/128 that blocks of int8 hold exactly: each 32 neighbours have a largest one of 127/128.
    */
  private def bytes(draws: Draws, count: Int): Array[Float] = {
    val values = draws.uniform(count).map(v => math.rint(v * 127).toFloat / 128)
    for (i <- 0 until count by 32) values(i) = if (values(i) < 0) -127f / 128 else 127f / 128
    values
  }

  /** One call for all weights, on each device. */
  private def products(kernels: Kernels, x: Tensor, stored: Seq[Tensor]): Seq[Array[Float]] = {
    val weights = stored.map(kernels.weight)
    val outs = stored.map(w => Tensor.allocate(x.rows(), w.shape().axis(0)))
    try {
      if (stored.size == 1) kernels.matmul(x, weights.head, outs.head)
      else kernels.matmul(x, weights.asJava, outs.asJava)
      outs.map(_.toArray)
    } finally {
      outs.foreach(_.close())
      weights.foreach(_.close())
    }
  }

  private def product(
      dtypes: Seq[DType],
      tokens: Int,
      inner: Int,
      outers: Seq[Int],
      values: (Draws, Int) => Array[Float],
      tolerance: Double
  )(reference: Kernels, device: Kernels): Unit = {
    val draws = new Draws(inner * 31L + outers.sum * 7L + tokens)
    val (stored, memory) =
      dtypes.zip(outers).map { case (dtype, outer) => draws.stored(dtype, outer.toLong, inner.toLong) }.unzip
    val x = Tensor.of(values(draws, tokens * inner), tokens.toLong, inner.toLong)
    try {
      val expected = products(reference, x, stored)
      for (((found, right), dtype) <- products(device, x, stored).zip(expected).zip(dtypes))
        close(dtype.toString, found, right, tolerance)
    } finally {
      x.close()
      memory.foreach(_.close())
    }
  }

  private val matmul: Seq[KernelCase] = for {
    dtype <- DTYPES
    size <- SIZES
    tokens <- tokensFor(size, dtype)
    // a size in turn as inner and as outer width
    (inner, outer) <- Seq((size, 10), (if (dtype.isQuantised) 3 * dtype.blockElements() else 34, size))
    if inner % dtype.blockElements() == 0
  } yield KernelCase("matmul", s"$tokens x $inner times $outer x $inner $dtype")(
    // what int8 holds exactly shows that nothing else is rounded
    product(
      Seq(dtype),
      tokens,
      inner,
      Seq(outer),
      if (dtype.isQuantised) bytes else (draws, count) => draws.uniform(count),
      Tolerances.product(inner)
    )
  )

  private val roundedActivations: Seq[KernelCase] = for {
    dtype <- DTYPES if dtype.isQuantised
    tokens <- Seq(1, 20)
  } yield KernelCase("matmul", s"$tokens x 1024 times 65 x 1024 $dtype, activations of any value")(
    product(
      Seq(dtype),
      tokens,
      1024,
      Seq(65),
      (draws, count) => draws.uniform(count),
      Tolerances.int8Product(1024)
    )
  )

  private val sharedActivations: Seq[KernelCase] =
    for (tokens <- Seq(1, 3, 40))
      yield KernelCase("matmul", s"$tokens x 512 times a weight of every dtype in one call")(
        product(DTYPES, tokens, 512, DTYPES.indices.map(17 * _ + 1), bytes, Tolerances.product(512))
      )

  /** Runs an operation that changes or fills a tensor of the given size on both devices. */
  private def both(reference: Kernels, device: Kernels, tolerance: Double)(
      run: Kernels => Array[Float]
  ): Unit = close("out", run(device), run(reference), tolerance)

  private val gather: Seq[KernelCase] = for {
    dtype <- DTYPES
    width <- SIZES
    if width % dtype.blockElements() == 0
  } yield KernelCase("gather", s"rows of $width $dtype") { (reference, device) =>
    val (stored, memory) = new Draws(width.toLong).stored(dtype, 5, width.toLong)
    val ids = Array(4, 0, 4, 2)
    try {
      both(reference, device, Tolerances.EXACT) { kernels =>
        val table = kernels.weight(stored)
        val out = Tensor.allocate(ids.length.toLong, width.toLong)
        try {
          kernels.gather(table, ids, out)
          out.toArray
        } finally {
          out.close()
          table.close()
        }
      }
    } finally memory.close()
  }

  private val withVector: Seq[KernelCase] = for {
    operation <- Seq("rmsNorm", "layerNorm", "addBias")
    dtype <- DTYPES if !dtype.isQuantised
    width <- SIZES
  } yield KernelCase(operation, s"rows of $width with $dtype") { (reference, device) =>
    val draws = new Draws(width * 7L)
    val (stored, memory) = draws.stored(dtype, width.toLong)
    val values = draws.uniform(3 * width)
    try {
      both(reference, device, Tolerances.ELEMENTWISE * 4) { kernels =>
        val vector = kernels.weight(stored)
        val x = Tensor.of(values, 3, width.toLong)
        try {
          if (operation == "addBias") kernels.addBias(x, vector)
          else if (operation == "layerNorm") kernels.layerNorm(x, vector, 1e-5, x)
          else kernels.rmsNorm(x, vector, 1e-5, x)
          x.toArray
        } finally {
          x.close()
          vector.close()
        }
      }
    } finally memory.close()
  }

  private val pairwise: Seq[KernelCase] = for {
    operation <- Seq("add", "multiply", "swiGlu")
    width <- SIZES :+ 9001
  } yield KernelCase(operation, s"3 rows of $width") { (reference, device) =>
    val draws = new Draws(width * 13L)
    // gates from -12 to 12: both ends of the sigmoid
    val first = draws.uniform(3 * width).map(_ * 12)
    val second = draws.uniform(3 * width)
    both(reference, device, Tolerances.ACTIVATION) { kernels =>
      val x = Tensor.of(first, 3, width.toLong)
      val y = Tensor.of(second, 3, width.toLong)
      try {
        operation match {
          case "add"      => kernels.add(x, y)
          case "multiply" => kernels.multiply(x, y)
          case _          => kernels.swiGlu(x, y)
        }
        x.toArray
      } finally {
        x.close()
        y.close()
      }
    }
  }

  private val farGates = KernelCase("swiGlu", "gates of ±200") { (reference, device) =>
    both(reference, device, 200 * Tolerances.ELEMENTWISE) { kernels =>
      val x = Tensor.of(Array(-200f, -90f, -87f, 87f, 200f), 1, 5)
      val y = Tensor.of(Array(1f, 1f, 1f, 1f, 1f), 1, 5)
      try {
        kernels.swiGlu(x, y)
        x.toArray
      } finally {
        x.close()
        y.close()
      }
    }
  }

  private val functions: Seq[(String, String, (Kernels, Tensor) => Unit)] =
    Activation.values().toSeq.map { f =>
      ("activate", f.name(), (kernels: Kernels, x: Tensor) => kernels.activate(f, x))
    } ++ Seq(
      ("scale", "by 0.22", (kernels: Kernels, x: Tensor) => kernels.scale(x, 0.22)),
      ("softCap", "at 30", (kernels: Kernels, x: Tensor) => kernels.softCap(x, 30)),
      ("softCap", "at 1", (kernels: Kernels, x: Tensor) => kernels.softCap(x, 1)),
      ("clamp", "at 6", (kernels: Kernels, x: Tensor) => kernels.clamp(x, 6))
    )

  private val mapped: Seq[KernelCase] = for {
    (operation, what, run) <- functions
    width <- SIZES :+ 9001
  } yield KernelCase(operation, s"$what, 3 rows of $width") { (reference, device) =>
    val values = new Draws(width * 17L).uniform(3 * width).map(_ * 12)
    // both ends of every function
    val corners = Array(-200f, -30f, 0f, 200f)
    both(reference, device, 4 * Tolerances.ACTIVATION) { kernels =>
      val x = Tensor.of(values ++ corners, (3 * width + corners.length).toLong, 1)
      try {
        run(kernels, x)
        x.toArray
      } finally x.close()
    }
  }

  val ALL: Seq[KernelCase] =
    mapped ++ matmul ++ roundedActivations ++ sharedActivations ++ gather ++ withVector ++ pairwise :+ farGates
}
