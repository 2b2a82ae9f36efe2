package org.longform.spark.conf

import org.apache.spark.SparkConf
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class ModelAccessSuite extends AnyFunSuite {
  private val key = "spark.longform.allowedModelPaths"

  private def settled(command: String, settings: (String, String)*): Option[String] = {
    val conf = new SparkConf(false).setAll(settings)
    ModelAccess.settle(conf, command)
    conf.getOption(key)
  }

  test("who starts an application for themselves may name any model") {
    assert(settled("org.apache.spark.deploy.SparkSubmit --class my.Job").isEmpty)
  }

  test("a server for others allows its own model alone, unless it is told otherwise") {
    val thrift =
      "org.apache.spark.deploy.SparkSubmit --class org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
    assert(settled(thrift).contains("[]"))
    assert(settled(thrift, "spark.longform.model" -> "hdfs://nn/m").contains("""["hdfs://nn/m"]"""))
    assert(settled(thrift, key -> "/models").contains("""["/models"]"""))
    // all that the owner reads with are its own
    assert(
      settled(thrift, "spark.longform.adapter" -> "hdfs://nn/a", "spark.longform.draftModel" -> "org/small")
        .contains("""["hdfs://nn/a","hf://org/small"]""")
    )
    val connect = "org.apache.spark.sql.connect.SparkConnectPlugin"
    assert(settled("", "spark.plugins" -> connect).contains("[]"))
  }

  test("what is settled stays when it is settled again") {
    val conf = new SparkConf(false).set(key, """["/a","/b"]""").set("spark.longform.model", "hdfs://nn/m")
    ModelAccess.settle(conf, "")
    val once = conf.get(key)
    ModelAccess.settle(conf, "")
    assert(once == """["/a","/b","hdfs://nn/m"]""" && conf.get(key) == once)
  }

  test("what YARN and Kubernetes give an executor is counted by Spark's rules") {
    def bytes(settings: (String, String)*): Map[String, String] =
      ExecutorContainer.settings(new SparkConf(false).setAll(settings)).asScala.toMap
    val mib = 1L << 20
    val container = "longform.container.bytes"
    assert(bytes("spark.master" -> "local[2]").isEmpty && bytes("spark.master" -> "spark://a:7077").isEmpty)
    assert(bytes("spark.master" -> "yarn") == Map(container -> (1408 * mib).toString))
    assert(
      bytes("spark.master" -> "k8s://x", "spark.executor.memory" -> "10g") ==
        Map(container -> (11264 * mib).toString)
    )
    val off = bytes(
      "spark.master" -> "yarn",
      "spark.executor.memory" -> "2g",
      "spark.executor.memoryOverhead" -> "3g",
      "spark.memory.offHeap.enabled" -> "true",
      "spark.memory.offHeap.size" -> "1g"
    )
    assert(
      off == Map(container -> (6144 * mib).toString, "longform.offheap.bytes" -> (1024 * mib).toString)
    )
  }
}
