package org.longform.kernels.weights

import java.io.ByteArrayOutputStream
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.nio.{ByteBuffer, ByteOrder}

/** Writes safetensors files from the description of the format, well-formed ones and others. */
object SafetensorsFiles {

  /** A tensor to be written. */
  final case class Entry(name: String, dtype: String, shape: Seq[Long], data: Array[Byte])

  def header(entries: Seq[Entry]): String = {
    val offsets = entries.scanLeft(0L)(_ + _.data.length)
    entries
      .zip(offsets)
      .map { case (entry, at) =>
        s""""${entry.name}":{"dtype":"${entry.dtype}","shape":[${entry.shape
            .mkString(",")}],"data_offsets":[$at,${at + entry.data.length}]}"""
      }
      .mkString("{\"__metadata__\":{\"format\":\"pt\"},", ",", "}")
      .replace(",}", "}")
  }

  def bytes(header: String, data: Array[Byte]): Array[Byte] = {
    val text = header.getBytes(UTF_8)
    val length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(text.length.toLong).array()
    length ++ text ++ data
  }

  def bytes(entries: Seq[Entry]): Array[Byte] = bytes(header(entries), entries.toArray.flatMap(_.data))

  def write(file: Path, entries: Seq[Entry]): Unit = Files.write(file, bytes(entries))

  def encode(dtype: String, values: Seq[Float]): Array[Byte] = {
    val out = new ByteArrayOutputStream()
    values.foreach { value =>
      val buffer = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN)
      dtype match {
        case "F32"  => out.write(buffer.putFloat(value).array(), 0, 4)
        case "BF16" => out.write(buffer.putShort(bf16(value)).array(), 0, 2)
        case "F16"  => out.write(buffer.putShort(f16(value)).array(), 0, 2)
      }
    }
    out.toByteArray
  }

  private def bf16(value: Float): Short = (java.lang.Float.floatToRawIntBits(value) >>> 16).toShort

  /** For values that a half holds exactly and that are not subnormal. */
  private def f16(value: Float): Short = {
    val bits = java.lang.Float.floatToRawIntBits(value)
    val sign = (bits >>> 16) & 0x8000
    if ((bits & 0x7fffffff) == 0) sign.toShort
    else (sign | ((((bits >>> 23) & 0xff) - 112) << 10) | ((bits >>> 13) & 0x3ff)).toShort
  }
}
