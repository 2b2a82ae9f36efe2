package org.longform.spark.job

import java.io.File
import java.net.{InetSocketAddress, ServerSocket, Socket}
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import java.util.jar.{JarEntry, JarOutputStream}
import scala.collection.JavaConverters._
import scala.util.Try

/** A master and workers on loopback, each a process of its own, the product as jars; jobs come to it by
  * spark-submit.
  *
  * @param folder
  *   for the installation, the logs and the workers' files
  * @param cores
  *   of each worker
  * @param ofAll
  *   settings of all its jobs
  */
class StandaloneCluster(folder: Path, workers: Int, cores: Int, ofAll: Map[String, String] = Map.empty)
    extends AutoCloseable {
  val minutes = 4L // on a machine with nothing else to do it takes less than one

  private val sparkHome = folder.resolve("spark")
  private val ours = install()
  private val children = new ChildProcesses(folder)
  private val environment = Map(
    "SPARK_HOME" -> sparkHome.toString,
    "SPARK_SCALA_VERSION" -> scala.util.Properties.versionNumberString.split('.').take(2).mkString("."),
    "SPARK_LOCAL_IP" -> "127.0.0.1",
    "RUST_FLAVOR" -> "cpu"
  )
  private val url = s"spark://127.0.0.1:${freePort()}"

  private val workerProcesses: Seq[Process] =
    try {
      startMaster()
      (1 to workers).map(startWorker)
    } catch {
      case e: Throwable =>
        children.close()
        throw e
    }

  private def start(name: String, arguments: String*): Process =
    children.start(name, sparkHome.resolve("jars").toString + "/*", environment, arguments)

  private def freePort(): Int = {
    val socket = new ServerSocket(0)
    try socket.getLocalPort
    finally socket.close()
  }

  private def listens(port: Int): Boolean = Try {
    val socket = new Socket()
    try socket.connect(new InetSocketAddress("127.0.0.1", port), 500)
    finally socket.close()
  }.isSuccess

  def waitFor(what: String, log: String)(condition: => Boolean): Unit = {
    val deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(minutes)
    while (!condition) {
      assert(System.nanoTime() < deadline, s"waited $minutes minutes for $what\n" + tail(log))
      Thread.sleep(20)
    }
  }

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
  private def install(): Map[String, Path] = {
    val base = Path.of(System.getProperty("longform.basedir")).toRealPath()
    val jars = Files.createDirectories(sparkHome.resolve("jars"))
    val (own, others) =
      ChildProcesses.classPath
        .map(Path.of(_))
        .filter(Files.exists(_))
        .map(_.toRealPath())
        .partition(_.startsWith(base))
    others.filter(_.toString.endsWith(".jar")).foreach { file =>
      Files.createSymbolicLink(jars.resolve(file.getFileName), file)
    }
    own.map { entry =>
      val module = base.relativize(entry).getName(0).toString
      val name = if (entry.endsWith("test-classes")) s"$module-tests" else module
      name -> (if (Files.isDirectory(entry)) jar(entry, sparkHome.resolve(s"longform-$name.jar")) else entry)
    }.toMap
  }

  private def startMaster(): Unit = {
    val port = url.split(':').last
    start(
      "master",
      Seq("-Xmx256m", "org.apache.spark.deploy.master.Master") ++
        Seq("--host", "127.0.0.1", "--port", port, "--webui-port", "0"): _*
    )
    waitFor("the master", "master")(listens(port.toInt))
  }

  private def startWorker(number: Int): Process =
    start(
      s"worker$number",
      Seq("-Xmx256m", "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0") ++
        Seq("--cores", s"$cores", "--memory", "1g", "--work-dir", workDirectory(number).toString, url): _*
    )

  private def workDirectory(worker: Int): Path = folder.resolve(s"work$worker")

  /** What executors print is everything, line by line. */
  private val executorOptions: Seq[String] = {
    val logging = folder.resolve("log4j2.properties")
    Files.write(
      logging,
      """appender.console.type = Console
        |appender.console.name = console
        |appender.console.target = SYSTEM_ERR
        |appender.console.layout.type = PatternLayout
        |appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
        |rootLogger.level = info
        |rootLogger.appenderRef.console.ref = console
        |""".stripMargin.getBytes("UTF-8")
    )
    Seq(s"-Dlog4j2.configurationFile=$logging")
  }

  /** Submits a job of ours; `main` may also be a class of the tests. */
  def submit(name: String, main: String, settings: Map[String, String], arguments: String*): Process = {
    val own = Map(
      "spark.plugins" -> "org.longform.spark.LongformPlugin",
      "spark.driver.host" -> "127.0.0.1",
      "spark.driver.bindAddress" -> "127.0.0.1",
      "spark.ui.enabled" -> "false",
      "spark.executor.memory" -> "1g",
      "spark.executor.extraJavaOptions" -> (ChildProcesses.quickStart ++ executorOptions).mkString(" "),
      "spark.scheduler.minRegisteredResourcesRatio" -> "1.0",
      "spark.scheduler.maxRegisteredResourcesWaitingTime" -> "120s",
      "spark.sql.shuffle.partitions" -> "2",
      "spark.databricks.delta.snapshotPartitions" -> "2"
    )
    val (app, libraries) = ours.partition(_._1 == "spark-plugin")
    assert(app.size == 1 && libraries.size >= 4, ours)
    start(
      name,
      Seq("-Xmx1g", "org.apache.spark.deploy.SparkSubmit", "--master", url) ++
        Seq("--class", main, "--jars", libraries.values.mkString(",")) ++
        (own ++ ofAll ++ settings).toSeq.flatMap { case (key, value) =>
          Seq("--conf", s"$key=$value")
        } ++
        (app("spark-plugin").toString +: arguments): _*
    )
  }

  /** Waits until a job has ended, and returns what it printed. */
  def finished(name: String, job: Process): String = {
    assert(job.waitFor(minutes, TimeUnit.MINUTES), tail(name))
    assert(job.exitValue == 0, tail(name))
    log(name)
  }

  def log(name: String): String = new String(Files.readAllBytes(children.log(name)))

  def tail(name: String): String = children.tail(name)

  /** The executors that run now. */
  def executors: Seq[ProcessHandle] =
    workerProcesses.flatMap(_.toHandle.children().iterator.asScala).filter(_.isAlive)

  /** What each executor that ever ran wrote, by the number Spark gave it. */
  def executorLogs: Seq[String] =
    (1 to workers).map(workDirectory).filter(Files.exists(_)).flatMap { directory =>
      val files = Files.walk(directory)
      try
        files.iterator.asScala
          .filter(_.getFileName.toString == "stderr")
          .map(file => new String(Files.readAllBytes(file)))
          .toList
      finally files.close()
    }

  override def close(): Unit = children.close()
}
