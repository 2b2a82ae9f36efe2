package org.longform.kernels.tensor

import java.nio.channels.FileChannel
import java.nio.file.{Files, StandardOpenOption}
import java.nio.{ByteBuffer, ByteOrder}

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

class MemorySuite extends AnyFunSuite {
  private def withMemory[A](size: Long)(body: Memory => A): A = {
    val memory = Memory.allocate(size)
    try body(memory)
    finally memory.close()
  }

  test("fresh memory is zero and holds what is written, aligned or not") {
    withMemory(64) { memory =>
      assert((0L until 61L).forall(memory.getFloat(_) == 0f))
      for (offset <- 0L to 60L) {
        memory.putFloat(offset, 1.5f + offset)
        assert(memory.getFloat(offset) == 1.5f + offset)
        val array = Array(-2f - offset, 7f)
        if (offset <= 56) {
          memory.write(offset, array, 0, 2)
          val back = new Array[Float](4)
          memory.read(offset, back, 1, 2)
          assert(back.toSeq == Seq(0f, -2f - offset, 7f, 0f))
        }
      }
    }
  }

  test("every access outside the block is refused with its bounds") {
    withMemory(16) { memory =>
      withMemory(16) { other =>
        val target = new Array[Float](8)
        val outside = Seq[() => Any](
          () => memory.getFloat(-1),
          () => memory.getFloat(13),
          () => memory.putFloat(13, 1f),
          () => memory.putFloat(Long.MaxValue, 1f),
          () => memory.getShort(15),
          () => memory.putShort(15, 1),
          () => memory.putLong(9, 1),
          () => memory.writeLongs(8, new Array[Long](2), 2),
          () => memory.read(4, target, 0, 4),
          () => memory.write(4, target, 0, 4),
          () => memory.readShorts(14, new Array[Short](2), 2),
          () => memory.copyFrom(other, 0, 8, 9),
          () => memory.copyFrom(other, 9, 0, 8),
          () => memory.copyFrom(other, 0, 0, -1),
          () => memory.floats(8, 3),
          () => memory.floats(-4, 1),
          () => memory.address(17)
        )
        for ((access, i) <- outside.zipWithIndex) {
          val refused = intercept[IndexOutOfBoundsException](access())
          assert(refused.getMessage.startsWith("Cannot access bytes "), s"access $i")
          assert(refused.getMessage.contains("the block has 16 bytes"), s"access $i")
        }
        assert(memory.getFloat(12) == 0f)
      }
    }
  }

  test("closed memory is not touched any more, and closing twice frees once") {
    var freed = 0
    val memory = Memory.wrap(ByteBuffer.allocateDirect(8), () => freed += 1)
    memory.close()
    memory.close()
    assert(freed == 1)
    val refused = intercept[IndexOutOfBoundsException](memory.getFloat(0))
    assert(
      refused.getMessage == "Cannot access bytes 0 to 4: the block has 8 bytes and is closed."
    )
  }

  test("a wrapped buffer is read from its position on, as little-endian") {
    val buffer = ByteBuffer.allocateDirect(12).order(ByteOrder.LITTLE_ENDIAN)
    buffer.putFloat(4, 2.5f)
    buffer.position(4)
    val memory = Memory.wrap(buffer, () => ())
    assert(memory.size() == 8)
    assert(memory.getFloat(0) == 2.5f)
    assert(memory.address(4) - memory.address(0) == 4)
  }

  /** A device that does everything late, in the order of the calls, and whose addresses are nobody's on the
    * host.
    */
  private class LateOwner(block: Memory) extends MemoryOwner {
    val base: Long = 1L << 46
    var due = Seq.empty[() => Unit]
    var copies = Seq.empty[Int]
    var released = Seq.empty[Long]

    private def finish(): Unit = {
      due.foreach(_())
      due = Seq.empty
    }
    override def read(from: Long, to: Long, bytes: Long): Unit = {
      finish()
      HostBytes.at(to, bytes)(_.copyFrom(block, from - base, 0, bytes))
    }
    override def write(from: Long, to: Long, bytes: Long): Unit = {
      val content = new Array[Byte](bytes.toInt)
      HostBytes.at(from, bytes)(_.readBytes(0, content, 0, content.length))
      due :+= (() => block.writeBytes(to - base, content, 0, content.length))
    }
    override def release(address: Long): Unit = {
      finish()
      released :+= address
    }
    override def copy(pieces: Array[Long], count: Int): Unit = {
      copies :+= count
      val list = pieces.take(3 * count).grouped(3).toList
      due :+= { () =>
        val read = list.map { piece =>
          val content = new Array[Byte](piece(2).toInt)
          block.readBytes(piece(0) - base, content, 0, content.length)
          content
        }
        for ((piece, content) <- list.zip(read)) block.writeBytes(piece(1) - base, content, 0, content.length)
      }
    }
  }

  test(
    "the host reads and writes memory of a device by copies, in the device's order, and gives it back once"
  ) {
    withMemory(64) { block =>
      val owner = new LateOwner(block)
      val before = Memory.allocatedBytes()
      val memory = Memory.of(owner, owner.base, 64)
      assert(Memory.allocatedBytes() == before + 64)
      withMemory(64) { other =>
        def float(bytes: Array[Byte]): Float = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getFloat
        def half(bits: Short, shift: Int): Int = (bits & 0xffff) << shift
        val accesses = Seq[() => Float](
          () => memory.getFloat(0),
          () => java.lang.Float.intBitsToFloat(memory.getLong(0).toInt),
          () => java.lang.Float.intBitsToFloat(half(memory.getShort(0), 0) | half(memory.getShort(2), 16)),
          () => float(Array.tabulate(4)(i => memory.getByte(i.toLong))),
          () => {
            val floats = new Array[Float](3)
            memory.read(0, floats, 1, 2)
            floats(1)
          },
          () => { other.copyFrom(memory, 0, 0, 4); other.getFloat(0) },
          () => {
            val bytes = new Array[Byte](5)
            memory.readBytes(0, bytes, 1, 4)
            float(bytes.drop(1))
          },
          () => {
            val shorts = new Array[Short](2)
            memory.readShorts(0, shorts, 2)
            java.lang.Float.intBitsToFloat(half(shorts(0), 0) | half(shorts(1), 16))
          },
          () => {
            val file = Files.createTempFile("memory", ".bin")
            try {
              val channel = FileChannel.open(file, StandardOpenOption.WRITE)
              try memory.writeTo(channel, 3, 0, 4)
              finally channel.close()
              float(Files.readAllBytes(file).drop(3))
            } finally Files.delete(file)
          }
        )
        for ((access, i) <- accesses.zipWithIndex) {
          owner.due :+= (() => block.putFloat(0, i + 0.5f))
          assert(access() == i + 0.5f, s"access $i")
        }
        // what the host writes comes after what the device was asked for before, and before what it is asked for next
        val writes = Seq[() => Unit](
          () => memory.putFloat(4, 7f),
          () => memory.write(4, Array(0f, 7f), 1, 1),
          () => memory.copyFrom({ other.putFloat(8, 7f); other }, 8, 4, 4),
          () => memory.writeBytes(4, Array[Byte](0, 0, 0xe0.toByte, 0x40), 0, 4),
          () => memory.writeShorts(4, Array[Short](0, 0x40e0), 2),
          () => memory.putLong(4, 0x40e00000L),
          () => memory.writeLongs(4, Array(0x40e00000L), 1),
          () => { memory.putShort(4, 0); memory.putShort(6, 0x40e0) },
          () => for ((byte, i) <- Seq(0, 0, 0xe0, 0x40).zipWithIndex) memory.putByte(4L + i, byte.toByte)
        )
        for ((write, i) <- writes.zipWithIndex) {
          owner.due :+= (() => block.putFloat(4, -1f))
          write()
          owner.due :+= (() => block.putFloat(8, block.getFloat(4)))
          assert(memory.getFloat(4) == 7f && memory.getFloat(8) == 7f, s"write $i")
        }
        val outside = Seq[() => Any](
          () => memory.getFloat(61),
          () => memory.putLong(57, 1),
          () => memory.read(60, new Array[Float](2), 0, 2),
          () => memory.write(-4, new Array[Float](2), 0, 2),
          () => memory.copyFrom(other, 61, 0, 4),
          () => other.copyFrom(memory, 61, 0, 4),
          () => memory.address(65, owner)
        )
        for ((access, i) <- outside.zipWithIndex)
          assert(
            intercept[IndexOutOfBoundsException](access()).getMessage.contains("has 64 bytes"),
            s"access $i"
          )
      }
      assert(memory.address(8, owner) == owner.base + 8)
      for (
        address <- Seq[() => Any](
          () => memory.address(8),
          () => memory.floats(0, 1),
          () => memory.doubles(0, 1)
        )
      )
        assert(intercept[IllegalStateException](address()).getMessage.contains("a device's memory"))
      withMemory(64) { another =>
        val stranger = new LateOwner(another)
        val elsewhere = Memory.of(stranger, stranger.base, 64)
        assert(
          intercept[IllegalStateException](memory.copyFrom(elsewhere, 0, 0, 4)).getMessage
            .contains("from one device to another")
        )
        assert(!memory.isOwnedBy(stranger) && memory.isOwnedBy(owner) && !another.isOwnedBy(null))
        elsewhere.close()
      }
      memory.close()
      memory.close()
      assert(owner.released == Seq(owner.base) && Memory.allocatedBytes() == before)
    }
  }

  test("bytes are copied within a block and between blocks") {
    withMemory(32) { memory =>
      withMemory(32) { other =>
        other.write(0, Array.tabulate(8)(_.toFloat), 0, 8)
        memory.copyFrom(other, 4, 8, 12)
        memory.copyFrom(memory, 8, 20, 12)
        val all = new Array[Float](8)
        memory.read(0, all, 0, 8)
        assert(all.toSeq == Seq(0f, 0f, 1f, 2f, 3f, 1f, 2f, 3f))
      }
    }
  }

  test(
    "a device copies within its own memory, in the order of what it was asked for, and the host does not wait"
  ) {
    withMemory(96) { block =>
      val owner = new LateOwner(block)
      val first = Memory.of(owner, owner.base, 32)
      val second = Memory.of(owner, owner.base + 32, 64)
      first.write(0, Array.tabulate(8)(_.toFloat), 0, 8)
      second.copyFrom(first, 4, 8, 12)
      second.copyFrom(second, 8, 32, 12)
      assert(owner.copies == Seq(1, 1) && block.getFloat(40) == 0f)
      val all = new Array[Float](16)
      second.read(0, all, 0, 16)
      assert(all.toSeq == Seq(0f, 0f, 1f, 2f, 3f, 0f, 0f, 0f, 1f, 2f, 3f, 0f, 0f, 0f, 0f, 0f))
      for (
        outside <- Seq[() => Unit](
          () => second.copyFrom(first, 24, 0, 12),
          () => first.copyFrom(second, 0, 28, 8)
        )
      )
        intercept[IndexOutOfBoundsException](outside())
      assert(owner.copies.size == 2)
      // from and to the host by the host
      withMemory(32) { host =>
        host.copyFrom(first, 0, 0, 32)
        assert(host.getFloat(28) == 7f)
        first.copyFrom(host, 28, 0, 4)
        assert(first.getFloat(0) == 7f && owner.copies.size == 2)
      }
      first.close()
      second.close()
    }
  }

  test(
    "many copies are left to a device in few calls, and those of the host stand among them in their order"
  ) {
    withMemory(1 << 20) { block =>
      val owner = new LateOwner(block)
      val memory = Memory.of(owner, owner.base, 1 << 20)
      withMemory(64) { host =>
        val copies = new Copies
        memory.putFloat(400, 1.5f)
        copies.add(memory, 400, memory, 300, 4)
        copies.add(memory, 300, host, 0, 4)
        assert(host.getFloat(0) == 1.5f, "what was asked for before is there")
        host.putFloat(4, 2.5f)
        copies.add(host, 4, memory, 200, 4)
        copies.add(host, 4, host, 8, 4)
        assert(host.getFloat(8) == 2.5f && memory.getFloat(200) == 2.5f)
        copies.add(memory, 200, memory, 100, 4)
        assert(memory.getFloat(100) == 0f)
        copies.flush()
        copies.flush()
        assert(memory.getFloat(100) == 2.5f && owner.copies == Seq(1, 1))
        // each byte moves down by one, more pieces than a call has
        val bytes = Array.tabulate[Byte](100000)(i => (i * 7).toByte)
        memory.writeBytes(0, bytes, 0, bytes.length)
        for (i <- 1 until bytes.length) copies.add(memory, i.toLong, memory, i - 1L, 1)
        copies.flush()
        val found = new Array[Byte](bytes.length - 1)
        memory.readBytes(0, found, 0, found.length)
        assert(found.sameElements(bytes.tail))
        assert(owner.copies.sum == bytes.length + 1 && owner.copies.size < 8)
        intercept[IndexOutOfBoundsException](copies.add(memory, (1 << 20) - 3L, memory, 0, 4))
      }
      memory.close()
    }
  }

  test("memory that the system refuses is an error that says what to do") {
    val refused = intercept[LongformException](Memory.allocate(1L << 62))
    assert(refused.errorClass() == ErrorClass.OUT_OF_MEMORY)
    assert(
      refused.getMessage.startsWith(
        "Cannot allocate 4611686018427387904 bytes off the heap: the operating system refused. Use "
      )
    )
    assert(
      intercept[IllegalArgumentException](Memory.allocate(-1)).getMessage ==
        "Cannot allocate -1 bytes: the number is negative."
    )
  }

  test("a block beyond 2^30 bytes is one block, also where its buffers meet") {
    val border = 1L << 30
    // calloc gives untouched pages: only the few that are written take real memory
    withMemory(border + 64) { memory =>
      val values = Array.tabulate(8)(_ + 0.5f)
      for (offset <- Seq(border - 16, border - 14, border - 13, border - 15, border)) {
        memory.write(offset, values, 0, 8)
        val back = new Array[Float](8)
        memory.read(offset, back, 0, 8)
        assert(back.toSeq == values.toSeq)
        assert((0 until 8).map(i => memory.getFloat(offset + 4L * i)) == values.toSeq)
        memory.putFloat(offset + 12, -1f)
        assert(memory.getFloat(offset + 12) == -1f)
      }
      memory.putShort(border - 1, 0x1234)
      assert(memory.getShort(border - 1) == 0x1234)
      val shorts = new Array[Short](3)
      memory.readShorts(border - 3, shorts, 3)
      assert(shorts(1) == 0x1234)
      memory.copyFrom(memory, border - 20, border + 8, 40)
      assert(memory.getShort(border + 27) == 0x1234)
    }
  }

  test("JavaCPP's own limits are lifted before it reads them") {
    withMemory(1) { _ =>
      assert(System.getProperty("org.bytedeco.javacpp.maxphysicalbytes") == "0")
      assert(org.bytedeco.javacpp.Pointer.maxPhysicalBytes() == 0)
      assert(org.bytedeco.javacpp.Pointer.maxBytes() == 0)
    }
  }
}
