package org.longform.kernels.weights

import java.io.ByteArrayOutputStream
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.{ByteBuffer, ByteOrder}

/** Writes GGUF files from the description of the format, well-formed ones and others. */
object GgufFiles {

  /** A tensor to be written; axes as in the file, fastest first. */
  final case class Entry(name: String, ggmlType: Int, axes: Seq[Long], offset: Long)

  final class Bytes {
    private val out = new ByteArrayOutputStream()

    def raw(bytes: Array[Byte]): Bytes = {
      out.write(bytes, 0, bytes.length)
      this
    }

    private def number(bytes: Int, value: Long): Bytes =
      raw(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array().take(bytes))

    def u8(value: Int): Bytes = number(1, value.toLong)
    def u16(value: Int): Bytes = number(2, value.toLong)
    def u32(value: Long): Bytes = number(4, value)
    def u64(value: Long): Bytes = number(8, value)
    def text(value: String): Bytes = {
      val bytes = value.getBytes(UTF_8)
      u64(bytes.length.toLong).raw(bytes)
    }
    def pad(alignment: Int): Bytes = raw(new Array[Byte]((alignment - out.size % alignment) % alignment))
    def array: Array[Byte] = out.toByteArray
  }

  val UINT8 = 0
  val UINT32 = 4
  val INT32 = 5
  val FLOAT32 = 6
  val BOOL = 7
  val STRING = 8
  val ARRAY = 9
  val UINT64 = 10

  def key(name: String, kind: Int)(value: Bytes => Bytes): Array[Byte] =
    value(new Bytes().text(name).u32(kind.toLong)).array

  def bytes(
      keys: Seq[Array[Byte]],
      tensors: Seq[Entry],
      data: Array[Byte],
      version: Long = 3,
      magic: String = "GGUF",
      keyCount: Option[Long] = None,
      tensorCount: Option[Long] = None,
      alignment: Int = 32
  ): Array[Byte] = {
    val out = new Bytes().raw(magic.getBytes(UTF_8)).u32(version)
    out.u64(tensorCount.getOrElse(tensors.size.toLong)).u64(keyCount.getOrElse(keys.size.toLong))
    keys.foreach(out.raw)
    tensors.foreach { tensor =>
      out.text(tensor.name).u32(tensor.axes.size.toLong)
      tensor.axes.foreach(out.u64)
      out.u32(tensor.ggmlType.toLong).u64(tensor.offset)
    }
    out.pad(alignment).raw(data).array
  }

  def f32(values: Float*): Array[Byte] = {
    val buffer = ByteBuffer.allocate(4 * values.size).order(ByteOrder.LITTLE_ENDIAN)
    values.foreach(buffer.putFloat)
    buffer.array()
  }
}
