package org.longform.kernels.device

import scala.collection.JavaConverters._

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.Memory
import org.scalatest.funsuite.AnyFunSuite

class LargePagesSuite extends AnyFunSuite {
  private val largePage = 1L << 21
  private val cpu = Devices.ALL.asScala.find(_.name() == "cpu").get

  private def memory() = {
    val why = cpu.whyUnavailable()
    assume(!why.isPresent, why)
    cpu.open(1).memory()
  }

  test("a large block of device cpu begins where a large page may, is zero, counted, and given back") {
    val source = memory()
    val before = Memory.allocatedBytes()
    for (size <- Seq(largePage / 2, largePage, 3 * largePage + 5)) {
      val block = source.allocate(size)
      assert(block.address(0) % largePage == 0 && block.size() == size)
      assert(block.getByte(0) == 0 && block.getByte(size - 1) == 0)
      block.putByte(size - 1, 7)
      assert(block.getByte(size - 1) == 7)
      assert(Memory.allocatedBytes() == before + size)
      block.close()
      assert(Memory.allocatedBytes() == before)
    }
  }

  test("a small block is that of any allocation") {
    val block = memory().allocate(64)
    try assert(block.size() == 64 && block.getFloat(60) == 0f)
    finally block.close()
  }

  test("more than there is is refused with a sentence") {
    val source = memory()
    val refused = intercept[LongformException](source.allocate(1L << 60))
    assert(refused.errorClass() == ErrorClass.OUT_OF_MEMORY)
    assert(refused.getMessage.startsWith("Cannot allocate 1152921504606846976 bytes off the heap: "))
  }
}
