package org.longform.runtime

import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class ProcessCoresSuite extends AnyFunSuite {
  private val machine = Runtime.getRuntime.availableProcessors()

  private def of(conf: (String, String)*): ProcessCores = ProcessCores.of(conf.toMap.asJava)

  test("a local master names the cores, and never more than the machine has") {
    assert(of("spark.master" -> "local").process() == 1)
    assert(of("spark.master" -> "local[1]").process() == 1)
    assert(of("spark.master" -> "local[1, 4]").process() == 1)
    assert(of("spark.master" -> "local[4096]").process() == machine)
    assert(of("spark.master" -> "local[*]").process() == machine)
  }

  test("an executor has the cores it was given, or all of its machine") {
    assert(of("spark.master" -> "spark://a:7077", "spark.executor.cores" -> "1").process() == 1)
    assert(of("spark.master" -> "spark://a:7077").process() == machine)
    assert(of().process() == machine)
  }

  test("a task has one core unless Spark gives it more") {
    assert(of("spark.task.cpus" -> "1").task() == 1)
    assert(of("spark.task.cpus" -> "3").task() == 3)
  }
}
