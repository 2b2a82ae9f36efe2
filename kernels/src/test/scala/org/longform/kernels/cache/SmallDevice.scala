package org.longform.kernels.cache

import java.util.Optional

import scala.collection.mutable

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.{HostBytes, Memory, MemoryOwner, MemorySource}

/** A device that has room for so many blocks of its own, and reads so many of pinned memory. */
class SmallDevice(pages: Int, pinned: Int = Int.MaxValue) extends MemorySource with MemoryOwner {
  private val held = mutable.Map.empty[Long, Memory]
  private val heldPinned = mutable.Map.empty[Long, Memory]
  var asked = 0
  var askedPinned = 0

  override def allocate(size: Long): Memory = synchronized {
    asked += 1
    if (held.size == pages) throw new LongformException(ErrorClass.OUT_OF_MEMORY, "The device is full.")
    val block = Memory.allocate(size)
    held(block.address(0)) = block
    Memory.of(this, block.address(0), size)
  }

  /** Its blocks are not zeroed. */
  val pinnedMemory: Optional[MemorySource] = Optional.of { size =>
    synchronized {
      askedPinned += 1
      if (heldPinned.size == pinned) throw new LongformException(ErrorClass.OUT_OF_MEMORY, "No more.")
      val block = Memory.allocate(size)
      block.writeBytes(0, Array.fill[Byte](size.toInt)(-1), 0, size.toInt)
      heldPinned(block.address(0)) = block
      Memory.of(this, block.address(0), size)
    }
  }

  def isPinned(address: Long): Boolean = synchronized(heldPinned.exists { case (begin, block) =>
    address >= begin && address < begin + block.size()
  })

  override def read(from: Long, to: Long, bytes: Long): Unit = HostBytes.copy(from, to, bytes)
  override def write(from: Long, to: Long, bytes: Long): Unit = HostBytes.copy(from, to, bytes)
  override def copy(pieces: Array[Long], count: Int): Unit =
    pieces.take(3 * count).grouped(3).foreach { case Array(from, to, bytes) =>
      HostBytes.copy(from, to, bytes)
    }
  override def release(address: Long): Unit =
    synchronized(held.remove(address).orElse(heldPinned.remove(address)).get.close())
}
