package org.longform.kernels.tensor

import org.bytedeco.javacpp.Pointer

/** Bytes of the host, known by their address alone. */
object HostBytes {
  private class At(where: Long) extends Pointer {
    address = where
  }

  def at[A](address: Long, bytes: Long)(body: Memory => A): A = {
    val memory = Memory.of(address, bytes, () => ())
    try body(memory)
    finally memory.close()
  }

  def copy(from: Long, to: Long, bytes: Long): Unit = Pointer.memcpy(new At(to), new At(from), bytes)
}
