package org.longform.runtime

import java.nio.file.Path
import java.util.OptionalLong

import scala.collection.JavaConverters._

import org.longform.options.Options
import org.longform.runtime.ProcessMemory.Share
import org.scalatest.funsuite.AnyFunSuite

class KvMemoriesSuite extends AnyFunSuite {
  private def options(pairs: (String, String)*): Options = Options.ofCall(pairs.toMap.asJava)

  test("calls with the same budget and directory share it, others do not") {
    val memories = new KvMemories
    val first = memories.of(options("kv_memory" -> "1g", "kv_directory" -> "/tmp"))
    assert(first.budgetBytes() == (1L << 30) && first.directory().get() == Path.of("/tmp"))
    assert(memories.of(options("kv_memory" -> "1024m", "kv_directory" -> "/tmp", "seed" -> "3")) eq first)
    assert(memories.of(options("kv_memory" -> "2g", "kv_directory" -> "/tmp")) ne first)
    assert(memories.of(options("kv_memory" -> "unlimited")).budgetBytes() == Long.MaxValue)
  }

  test("without an option the budget is half of the memory beside the heap") {
    val own = new KvMemories().of(Options.defaults()).budgetBytes()
    assert(own > (64L << 20) && own < Long.MaxValue)
  }

  test("on a device with memory of its own that is the budget, and the process's is for what has no room") {
    val memories = new KvMemories(_ => OptionalLong.of(7L << 30))
    val process = new KvMemories(_ => OptionalLong.empty()).of(Options.defaults())
    val own = memories.of(Options.defaults())
    assert(own.budgetBytes() == (7L << 30) && own.pinnedBudgetBytes() == process.budgetBytes())
    assert(process.pinnedBudgetBytes() == 0)
    val set = options("kv_memory" -> "1g", "kv_pinned_memory" -> "2g")
    assert(memories.of(set).budgetBytes() == (1L << 30) && memories.of(set).pinnedBudgetBytes() == (2L << 30))
    assert(memories.of(set) eq memories.of(set))
    assert(memories.of(options("kv_memory" -> "1g", "kv_pinned_memory" -> "0")).pinnedBudgetBytes() == 0)
    assert(new KvMemories(_ => OptionalLong.empty()).of(set).pinnedBudgetBytes() == 0)
  }

  test("what keys and values take of the process's memory is what the device of the options leaves to it") {
    val set = options("kv_memory" -> "1g", "kv_pinned_memory" -> "2g")
    val beside = new KvMemories(_ => OptionalLong.of(7L << 30))
    val within = new KvMemories(_ => OptionalLong.empty())
    assert(beside.processShare(set) == new Share("spark.longform.kvPinnedMemory", 2L << 30, true))
    assert(within.processShare(set) == new Share("spark.longform.kvMemory", 1L << 30, true))
    assert(!beside.processShare(options("kv_memory" -> "1g")).wasSet())
  }

  test("a device that cannot be used has no memory of its own") {
    val memories = new KvMemories
    assert(memories.of(options("device" -> "reference")).pinnedBudgetBytes() == 0)
    assert(memories.of(options("device" -> "no such device")).budgetBytes() < Long.MaxValue)
  }

  test("keys and values go where Spark's executors have their own temporary files") {
    def directories(conf: (String, String)*)(environment: (String, String)*): Seq[String] =
      KvMemories.localDirectories(environment.toMap.asJava, conf.toMap.asJava).asScala.toSeq
    assert(directories()() == Seq(System.getProperty("java.io.tmpdir")))
    assert(directories("spark.local.dir" -> "/a, /b")() == Seq("/a", "/b"))
    assert(directories("spark.local.dir" -> "/a")("SPARK_LOCAL_DIRS" -> "/c,/d") == Seq("/c", "/d"))
    assert(directories("spark.local.dir" -> "/a")("SPARK_EXECUTOR_DIRS" -> "/e:/f") == Seq("/e", "/f"))
    val yarn = Seq("LOCAL_DIRS" -> "/y1,/y2", "SPARK_LOCAL_DIRS" -> "/c")
    assert(directories()(yarn :+ ("CONTAINER_ID" -> "1"): _*) == Seq("/y1", "/y2"))
    assert(directories()(yarn: _*) == Seq("/c"))
  }

  test("of several directories the one with most room is taken") {
    val memories = new KvMemories
    memories.configure(Map("spark.local.dir" -> "/no/such/place,/tmp").asJava)
    if (!sys.env.contains("SPARK_LOCAL_DIRS") && !sys.env.contains("SPARK_EXECUTOR_DIRS"))
      assert(memories.of(Options.defaults()).directory().get() == Path.of("/tmp"))
  }
}
