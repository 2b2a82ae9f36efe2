package org.longform.runtime

import java.nio.file.Path

import scala.collection.JavaConverters._

import org.longform.options.Options
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
