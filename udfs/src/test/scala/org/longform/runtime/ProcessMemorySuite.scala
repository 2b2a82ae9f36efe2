package org.longform.runtime

import scala.collection.JavaConverters._

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.runtime.ProcessMemory.{Limit, Share}
import org.scalatest.funsuite.AnyFunSuite

class ProcessMemorySuite extends AnyFunSuite {
  private val gib = 1L << 30

  private def machine(limit: Long, heap: Long, offHeap: Long = 0) =
    new ProcessMemory(limit, Limit.MACHINE, heap, offHeap)

  private def container(limit: Long, heap: Long, offHeap: Long = 0) =
    new ProcessMemory(limit, Limit.CONTAINER, heap, offHeap)

  private def share(bytes: Long, wasSet: Boolean) = new Share("spark.longform.kvMemory", bytes, wasSet)

  test("without an option keys and values get half of what is free beside the heap") {
    assert(machine(16 * gib, 4 * gib).kvBytes() == 6 * gib)
    assert(machine(16 * gib, 16 * gib).kvBytes() == 2 * gib)
    assert(container(16 * gib, 4 * gib, 2 * gib).kvBytes() == 5 * gib)
  }

  test("in a container that is killed at its limit the budget never counts on an empty heap") {
    assert(container(4 * gib + 400 * gib / 1024, 4 * gib).kvBytes() == 200 * gib / 1024)
    assert(container(4 * gib, 4 * gib).kvBytes() == 64 * gib / 1024)
  }

  test("the container Spark asked for counts where it is smaller than the machine") {
    val small = ProcessMemory.of(
      Map(ProcessMemory.CONTAINER_BYTES -> "1000000", ProcessMemory.OFF_HEAP_BYTES -> "5").asJava
    )
    assert(small.limit() == Limit.CONTAINER && small.limitBytes() == 1000000 && small.offHeapBytes() == 5)
    val own = ProcessMemory.of(Map.empty[String, String].asJava)
    assert(own.limit() == Limit.MACHINE && own.limitBytes() > (1 << 28) && own.offHeapBytes() == 0)
  }

  test("what fits is not worth a word") {
    assert(!container(16 * gib, 4 * gib).check(share(6 * gib, true), 6 * gib).isPresent)
    assert(!machine(16 * gib, 4 * gib).check(share(6 * gib, false), 6 * gib).isPresent)
  }

  test("a budget that gets the executor killed is refused with the setting to change") {
    val refused =
      intercept[LongformException](container(5 * gib, 4 * gib, gib / 2).check(share(2 * gib, true), gib))
    assert(refused.errorClass() == ErrorClass.INVALID_OPTION)
    assert(
      refused.getMessage ==
        "Cannot give keys and values 2,147,483,648 bytes: beside a Java heap of 4,294,967,296 and " +
        "536,870,912 bytes of Spark's outside it and a model of 1,073,741,824 bytes that is more than the " +
        "executor has, and its container ends it at 5,368,709,120 bytes. " +
        "Raise spark.executor.memoryOverhead by 2,560 MiB or lower spark.longform.kvMemory."
    )
    intercept[LongformException](machine(4 * gib, gib).check(share(5 * gib, true), 0))
  }

  test("what is only tight is told with the setting to change") {
    val tight = machine(8 * gib, 4 * gib).check(share(3 * gib, true), 2 * gib).get
    assert(tight.startsWith("It is tight to give keys and values 3,221,225,472 bytes: "))
    assert(
      tight.endsWith(
        "Lower spark.executor.memory or spark.longform.kvMemory by 1,024 MiB, " +
          "or raise the limit of the machine or its container."
      )
    )
    assert(container(4 * gib, 4 * gib).check(share(gib, false), 0).isPresent, "a default never refuses")
    val pinned = new Share("spark.longform.kvPinnedMemory", 3 * gib, true)
    assert(
      container(8 * gib, 4 * gib)
        .check(pinned, 2 * gib)
        .get
        .endsWith("memoryOverhead by 1,024 MiB or lower spark.longform.kvPinnedMemory.")
    )
    val unlimited = container(4 * gib, gib).check(share(Long.MaxValue, true), 0).get
    assert(
      unlimited.endsWith(
        "its container ends it at 4,294,967,296 bytes. Set spark.longform.kvMemory to a size."
      )
    )
  }
}
