package org.longform.kernels.weights.checkpoint

import java.nio.{ByteBuffer, ByteOrder}

import org.longform.kernels.weights.SafetensorsFiles
import org.longform.kernels.weights.SafetensorsFiles.Entry

import scala.util.Random

/** Matrices as the public descriptions of AutoAWQ, AutoGPTQ, compressed-tensors and the float8 checkpoints
  * lay them out, one element after the other, with the values that their formulas give.
  */
object Checkpoints {

  /** A matrix (out, in), row after row, and its tensors by their endings. */
  final case class Packed(values: Array[Double], parts: Seq[(String, String, Seq[Long], Array[Byte])]) {
    def entries(module: String): Seq[Entry] = parts.map { case (end, dtype, shape, data) =>
      Entry(module + end, dtype, shape, data)
    }

    def without(ending: String): Packed = copy(parts = parts.filterNot(_._1 == ending))

    def replacing(ending: String, dtype: String, shape: Seq[Long], data: Array[Byte]): Packed =
      copy(parts = parts.filterNot(_._1 == ending) :+ ((ending, dtype, shape, data)))
  }

  def ints(values: Seq[Int]): Array[Byte] = {
    val buffer = ByteBuffer.allocate(4 * values.size).order(ByteOrder.LITTLE_ENDIAN)
    values.foreach(buffer.putInt)
    buffer.array()
  }

  def longs(values: Seq[Long]): Array[Byte] = {
    val buffer = ByteBuffer.allocate(8 * values.size).order(ByteOrder.LITTLE_ENDIAN)
    values.foreach(buffer.putLong)
    buffer.array()
  }

  /** Scales that float16 holds, of all its bits. */
  private def halves(count: Int, random: Random): Array[Float] =
    Array.fill(count)((1025 + 2 * random.nextInt(512)) / (1 << 19).toFloat)

  /** Scales that bfloat16 and float16 hold. */
  private def brains(count: Int, random: Random): Array[Float] =
    Array.fill(count)((129 + 2 * random.nextInt(64)) / (1 << 16).toFloat)

  /** Scales that only float32 holds. */
  private def roughScales(count: Int, random: Random): Array[Float] =
    Array.fill(count)(0.002f + random.nextFloat() * 0.002f)

  private def word(levels: Seq[Int], bits: Int): Int =
    levels.zipWithIndex.map { case (level, i) => level << (bits * i) }.reduce(_ | _)

  def awq(out: Int, in: Int, group: Int, random: Random): Packed = {
    val order = Seq(0, 2, 4, 6, 1, 3, 5, 7)
    val groups = in / group
    val q = Array.fill(in, out)(random.nextInt(16))
    val z = Array.fill(groups, out)(random.nextInt(16))
    val s = Array.fill(groups)(halves(out, random))
    def packed(rows: Array[Array[Int]]): Seq[Int] =
      for (row <- rows.toSeq; c <- 0 until out / 8) yield word(order.map(o => row(8 * c + o)), 4)
    val values = for (o <- 0 until out; i <- 0 until in) yield {
      val g = i / group
      s(g)(o).toDouble * (q(i)(o) - z(g)(o))
    }
    Packed(
      values.toArray,
      Seq(
        (".qweight", "I32", Seq(in.toLong, out / 8L), ints(packed(q))),
        (".qzeros", "I32", Seq(groups.toLong, out / 8L), ints(packed(z))),
        (".scales", "F16", Seq(groups.toLong, out.toLong), SafetensorsFiles.encode("F16", s.toSeq.flatten))
      )
    )
  }

  /** @param ordered
    *   whether the columns of a group lie anywhere
    * @param subtracted
    *   from each zero point in the file
    */
  def gptq(
      out: Int,
      in: Int,
      bits: Int,
      group: Int,
      symmetric: Boolean,
      ordered: Boolean,
      subtracted: Int,
      random: Random
  ): Packed = {
    val perWord = 32 / bits
    val most = (1 << bits) - 1
    val groups = in / group
    val groupOf = {
      val plain = (0 until in).map(_ / group)
      if (ordered) random.shuffle(plain) else plain
    }
    val q = Array.fill(in, out)(random.nextInt(most + 1))
    val z = Array.fill(groups, out)(if (symmetric) 1 << (bits - 1) else random.nextInt(most + 1))
    val s = Array.fill(groups)(halves(out, random))
    val qweight =
      for (p <- 0 until in / perWord; o <- 0 until out)
        yield word((0 until perWord).map(k => q(p * perWord + k)(o)), bits)
    val qzeros =
      for (g <- 0 until groups; c <- 0 until out / perWord)
        yield word((0 until perWord).map(k => (z(g)(c * perWord + k) - subtracted) & most), bits)
    val values = for (o <- 0 until out; i <- 0 until in) yield {
      val g = groupOf(i)
      s(g)(o).toDouble * (q(i)(o) - z(g)(o))
    }
    Packed(
      values.toArray,
      Seq(
        (".qweight", "I32", Seq((in / perWord).toLong, out.toLong), ints(qweight)),
        (".qzeros", "I32", Seq(groups.toLong, (out / perWord).toLong), ints(qzeros)),
        (".scales", "F16", Seq(groups.toLong, out.toLong), SafetensorsFiles.encode("F16", s.toSeq.flatten)),
        (".g_idx", "I32", Seq(in.toLong), ints(groupOf))
      )
    )
  }

  /** compressed-tensors, pack-quantized.
    *
    * @param group
    *   0 for whole rows
    */
  def packed(
      out: Int,
      in: Int,
      bits: Int,
      group: Int,
      symmetric: Boolean,
      ordered: Boolean,
      random: Random
  ): Packed = {
    val perWord = 32 / bits
    val offset = 1 << (bits - 1)
    val width = if (group == 0) in else group
    val groups = (in + width - 1) / width
    val groupOf = {
      val plain = (0 until in).map(_ / width)
      if (ordered) random.shuffle(plain) else plain
    }
    val q = Array.fill(out, in)(random.nextInt(2 * offset) - offset)
    val z = Array.fill(out, groups)(if (symmetric) 0 else random.nextInt(2 * offset) - offset)
    val s = Array.fill(out)(brains(groups, random))
    def line(levels: Seq[Int]): Seq[Int] =
      levels.grouped(perWord).map(some => word(some.map(_ + offset), bits)).toSeq
    val zeros =
      for (rows <- (0 until out).grouped(perWord).toSeq; g <- 0 until groups)
        yield word(rows.map(o => z(o)(g) + offset), bits)
    val values = for (o <- 0 until out; i <- 0 until in) yield {
      val g = groupOf(i)
      s(o)(g).toDouble * (q(o)(i) - z(o)(g))
    }
    val words = (in + perWord - 1) / perWord
    Packed(
      values.toArray,
      Seq(
        (
          ".weight_packed",
          "I32",
          Seq(out.toLong, words.toLong),
          ints(q.toSeq.flatMap(row => line(row.toSeq)))
        ),
        (".weight_shape", "I64", Seq(2L), longs(Seq(out.toLong, in.toLong))),
        (
          ".weight_scale",
          "BF16",
          Seq(out.toLong, groups.toLong),
          SafetensorsFiles.encode("BF16", s.toSeq.flatten)
        )
      ) ++
        (if (symmetric) Nil
         else
           Seq(
             (
               ".weight_zero_point",
               "I32",
               Seq(((out + perWord - 1) / perWord).toLong, groups.toLong),
               ints(zeros)
             )
           )) ++
        (if (ordered) Seq((".weight_g_idx", "I32", Seq(in.toLong), ints(groupOf))) else Nil)
    )
  }

  /** Numbers on a grid of blocks. */
  private final class Grid(out: Int, in: Int, rows: Int, columns: Int) {
    val height: Int = parts(out, rows)
    val width: Int = parts(in, columns)

    private def parts(of: Int, size: Int): Int = if (size >= of) 1 else (of + size - 1) / size

    def apply[A](numbers: IndexedSeq[A], o: Int, i: Int): A = numbers(o / rows * width + i / columns)
  }

  /** compressed-tensors, int-quantized; a scale for each block of so many rows and columns. */
  def int8(out: Int, in: Int, rows: Int, columns: Int, symmetric: Boolean, random: Random): Packed = {
    val grid = new Grid(out, in, rows, columns)
    val count = grid.height * grid.width
    val q = Array.fill(out * in)(random.nextInt(256) - 128)
    val s = brains(count, random).toIndexedSeq
    val z = IndexedSeq.fill(count)(if (symmetric) 0 else random.nextInt(256) - 128)
    val values = for (o <- 0 until out; i <- 0 until in) yield {
      grid(s, o, i).toDouble * (q(o * in + i) - grid(z, o, i))
    }
    val shape = if (count == 1) Seq(1L) else Seq(grid.height.toLong, grid.width.toLong)
    Packed(
      values.toArray,
      Seq(
        (".weight", "I8", Seq(out.toLong, in.toLong), q.map(_.toByte)),
        (".weight_scale", "BF16", shape, SafetensorsFiles.encode("BF16", s))
      ) ++ (if (symmetric) Nil else Seq((".weight_zero_point", "I8", shape, z.map(_.toByte).toArray)))
    )
  }

  /** The number that a byte stands for: sign, exponent, fraction. */
  def float8(bits: Int, dtype: String): Double = {
    val (fractionBits, bias) = if (dtype == "F8_E4M3") (3, 7) else (2, 15)
    val sign = if ((bits & 128) != 0) -1 else 1
    val exponent = (bits & 127) >> fractionBits
    val fraction = (bits & ((1 << fractionBits) - 1)).toDouble / (1 << fractionBits)
    if (exponent == 0) sign * fraction * math.pow(2, (1 - bias).toDouble)
    else sign * (1 + fraction) * math.pow(2, (exponent - bias).toDouble)
  }

  /** float8 with a scale for each block of so many rows and columns.
    *
    * @param ending
    *   of the tensor with the scales
    * @param largest
    *   byte without its sign that is used
    */
  def floats(
      out: Int,
      in: Int,
      rows: Int,
      columns: Int,
      dtype: String,
      ending: String,
      random: Random,
      largest: Int = 0x57
  ): Packed = {
    val grid = new Grid(out, in, rows, columns)
    val bytes = Array.fill(out * in)((random.nextInt(largest + 1) | (random.nextInt(2) << 7)).toByte)
    val s = roughScales(grid.height * grid.width, random).toIndexedSeq
    val values = for (o <- 0 until out; i <- 0 until in) yield {
      grid(s, o, i).toDouble * float8(bytes(o * in + i) & 0xff, dtype)
    }
    val shape = if (s.size == 1) Seq.empty[Long] else Seq(grid.height.toLong, grid.width.toLong)
    Packed(
      values.toArray,
      Seq(
        (".weight", dtype, Seq(out.toLong, in.toLong), bytes),
        (ending, "F32", shape, SafetensorsFiles.encode("F32", s))
      )
    )
  }
}
