package org.longform.spark.job

import com.fasterxml.jackson.databind.ObjectMapper
import org.longform.datasets.tasks.{CorpusGenerator, CorpusRequest}

import java.io.File
import java.net.{InetSocketAddress, ServerSocket, Socket}
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import java.util.jar.{JarEntry, JarOutputStream}
import scala.collection.JavaConverters._
import scala.util.Try

/** The job as a user submits it: a master, two workers and the driver, each a process of its own, the product
  * as jars.
  */
class ClusterSuite extends JobFixture {
  private val minutes = 4L // on a machine with nothing else to do it takes less than one

  private def freePort(): Int = {
    val socket = new ServerSocket(0)
    try socket.getLocalPort
    finally socket.close()
  }

  private def waitFor(what: String, children: ChildProcesses, log: String)(condition: => Boolean): Unit = {
    val deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(minutes)
    while (!condition) {
      assert(System.nanoTime() < deadline, s"waited $minutes minutes for $what\n" + children.tail(log))
      Thread.sleep(100)
    }
  }

  private def listens(port: Int): Boolean = Try {
    val socket = new Socket()
    try socket.connect(new InetSocketAddress("127.0.0.1", port), 500)
    finally socket.close()
  }.isSuccess

  private def jar(classes: Path, target: Path): Path = {
    val out = new JarOutputStream(Files.newOutputStream(target))
    try {
      val files = Files.walk(classes)
      try
        files.filter(Files.isRegularFile(_)).iterator.asScala.foreach { file =>
          out.putNextEntry(new JarEntry(classes.relativize(file).toString.replace(File.separatorChar, '/')))
          Files.copy(file, out)
          out.closeEntry()
        }
      finally files.close()
    } finally out.close()
    target
  }

  /** The modules as jars, ours first; everything else is put where a Spark installation has its jars. */
  private def install(sparkHome: Path): Seq[Path] = {
    val base = Path.of(System.getProperty("longform.basedir")).toRealPath()
    val jars = Files.createDirectories(sparkHome.resolve("jars"))
    val (ours, others) =
      ChildProcesses.classPath
        .map(Path.of(_))
        .filter(Files.exists(_))
        .map(_.toRealPath())
        .partition(_.startsWith(base))
    others.filter(_.toString.endsWith(".jar")).foreach { file =>
      Files.createSymbolicLink(jars.resolve(file.getFileName), file)
    }
    ours.filterNot(_.endsWith("test-classes")).map { entry =>
      val module = base.relativize(entry).getName(0).toString
      if (Files.isDirectory(entry)) jar(entry, sparkHome.resolve(s"longform-$module.jar")) else entry
    }
  }

  /** Executors that read documents, as the event log tells. */
  private def readers(events: Path): Set[String] = {
    val json = new ObjectMapper
    val files = Files.list(events)
    val lines =
      try files.iterator.asScala.toSeq.flatMap(file => Files.readAllLines(file).asScala)
      finally files.close()
    lines
      .filter(_.contains("SparkListenerTaskEnd"))
      .map(json.readTree)
      .filter { event =>
        event
          .path("Task Info")
          .path("Accumulables")
          .asScala
          .exists(_.path("Name").asText == ReadProgress.DOCUMENTS)
      }
      .map(_.path("Task Info").path("Executor ID").asText)
      .toSet
  }

  test("two executors of a cluster read a corpus into one Delta table") {
    val folder = emptyFolder()
    val sparkHome = folder.resolve("spark")
    val events = Files.createDirectories(folder.resolve("events"))
    val corpus = folder.resolve("corpus.jsonl")
    val out = Files.newOutputStream(corpus)
    try CorpusGenerator.write(CorpusRequest.of("cluster", java.util.Arrays.asList(200L, 1000L), 4), out)
    finally out.close()
    val answers = folder.resolve("answers")

    val ours = install(sparkHome)
    val (app, libraries) = ours.partition(_.getFileName.toString.contains("spark"))
    assert(app.size == 1 && libraries.size == 3, ours)
    val children = new ChildProcesses(folder)
    val environment = Map(
      "SPARK_HOME" -> sparkHome.toString,
      "SPARK_SCALA_VERSION" -> scala.util.Properties.versionNumberString.split('.').take(2).mkString("."),
      "SPARK_LOCAL_IP" -> "127.0.0.1",
      "RUST_FLAVOR" -> "cpu"
    )
    def start(name: String, arguments: String*): Process =
      children.start(name, sparkHome.resolve("jars").toString + "/*", environment, arguments)

    try {
      val port = freePort()
      val url = s"spark://127.0.0.1:$port"
      start(
        "master",
        "-Xmx256m",
        "org.apache.spark.deploy.master.Master",
        "--host",
        "127.0.0.1",
        "--port",
        s"$port",
        "--webui-port",
        "0"
      )
      waitFor("the master", children, "master")(listens(port))
      (1 to 2).foreach { i =>
        start(
          s"worker$i",
          Seq(
            "-Xmx256m",
            "org.apache.spark.deploy.worker.Worker",
            "--host",
            "127.0.0.1",
            "--webui-port",
            "0"
          ) ++
            Seq("--cores", "1", "--memory", "1g", "--work-dir", folder.resolve(s"work$i").toString, url): _*
        )
      }
      val settings = Map(
        "spark.plugins" -> "org.longform.spark.LongformPlugin",
        "spark.driver.host" -> "127.0.0.1",
        "spark.driver.bindAddress" -> "127.0.0.1",
        "spark.ui.enabled" -> "false",
        "spark.executor.memory" -> "1g",
        "spark.scheduler.minRegisteredResourcesRatio" -> "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime" -> "120s",
        "spark.sql.shuffle.partitions" -> "2",
        "spark.databricks.delta.snapshotPartitions" -> "2",
        "spark.eventLog.enabled" -> "true",
        "spark.eventLog.compress" -> "false",
        "spark.eventLog.dir" -> events.toUri.toString
      )
      val submit = start(
        "submit",
        Seq("-Xmx1g", "org.apache.spark.deploy.SparkSubmit", "--master", url) ++
          Seq("--class", "org.longform.spark.job.LongformJob", "--jars", libraries.mkString(",")) ++
          settings.toSeq.flatMap { case (key, value) => Seq("--conf", s"$key=$value") } ++
          Seq(app.head.toString, "ask", "--input", corpus.toString, "--questions-column", "questions") ++
          Seq("--output", answers.toString, "--fail-on-error"): _*
      )
      assert(submit.waitFor(minutes, TimeUnit.MINUTES), children.tail("submit"))
      assert(submit.exitValue == 0, children.tail("submit"))
    } finally children.close()

    val found = rows(answers)
    assert(found.map(_.getAs[String]("doc_id")).distinct.size == 8)
    assert(
      found
        .map(row => (row.getAs[String]("doc_id"), row.getAs[String]("question")))
        .distinct
        .size == found.size
    )
    assert(found.forall(_.getAs[String]("value") != null))
    assert(found.map(_.getAs[String]("model")).toSet == Set("longform-tiny"))
    assert(readers(events) == Set("0", "1"))
    assert(
      new String(Files.readAllBytes(children.log("submit")))
        .contains(s"${found.size} rows with a value, 0 with an error")
    )
  }
}
