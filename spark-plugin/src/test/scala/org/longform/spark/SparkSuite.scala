package org.longform.spark

import java.nio.file.{Files, Path}

import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

/** A suite with a local Spark session. Suites of one Java process share the session as long as they ask for
  * the same settings; a suite with other settings gets a fresh one, and the old one is stopped.
  */
trait SparkSuite extends AnyFunSuite {

  /** Settings on top of [[LocalSession.Defaults]]. */
  protected def sparkConf: Map[String, String] = Map.empty

  /** The session of this suite. Created when a test first asks for it. */
  protected lazy val spark: SparkSession = LocalSession.of(sparkConf)

  /** An empty folder that is gone when the Java process ends. */
  protected def emptyFolder(): Path = LocalSession.emptyFolder()
}

/** The one local session of a Java process. */
object LocalSession {

  /** Two threads, no UI, two shuffle partitions, Delta tables. */
  val Defaults: Map[String, String] = Map(
    "spark.master" -> "local[2]",
    "spark.app.name" -> "longform-tests",
    "spark.ui.enabled" -> "false",
    "spark.sql.shuffle.partitions" -> "2",
    "spark.default.parallelism" -> "2",
    "spark.driver.host" -> "127.0.0.1",
    "spark.driver.bindAddress" -> "127.0.0.1",
    "spark.sql.session.timeZone" -> "UTC",
    "spark.databricks.delta.snapshotPartitions" -> "2",
    // VACUUM lists files in so many tasks: 10,000 take a while, also where there are three files
    "spark.sql.sources.parallelPartitionDiscovery.parallelism" -> "2",
    "spark.sql.extensions" -> "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog" -> "org.apache.spark.sql.delta.catalog.DeltaCatalog"
  )

  /** For suites that ask what jobs and tables do, not how Spark computes an expression: compiling the small
    * queries of jobs and of Delta is a third of what they cost. Suites of plans and functions, of a whole job
    * in a cluster and of the README have Spark as users have it.
    */
  val Interpreted: Map[String, String] = Map(
    "spark.sql.codegen.wholeStage" -> "false",
    "spark.sql.codegen.factoryMode" -> "NO_CODEGEN"
  )

  private var running: Option[(Map[String, String], SparkSession)] = None

  /** The session with [[Defaults]] and these settings. */
  def of(settings: Map[String, String]): SparkSession = synchronized {
    running match {
      case Some((`settings`, session)) if !session.sparkContext.isStopped => session
      case _ =>
        stop()
        val session = start(settings)
        running = Some(settings -> session)
        session
    }
  }

  /** Stops the shared session, so that a test can start one of its own. */
  def stop(): Unit = synchronized {
    SparkSession.getActiveSession.orElse(SparkSession.getDefaultSession).foreach(_.stop())
    running.foreach(_._2.stop())
    running = None
    SparkSession.clearActiveSession()
    SparkSession.clearDefaultSession()
  }

  def emptyFolder(): Path = {
    val folder = Files.createTempDirectory("longform-")
    sys.addShutdownHook(delete(folder))
    folder
  }

  private def start(settings: Map[String, String]): SparkSession = {
    val builder = SparkSession.builder().config("spark.sql.warehouse.dir", emptyFolder().toUri.toString)
    (Defaults ++ settings).foreach { case (key, value) => builder.config(key, value) }
    builder.getOrCreate()
  }

  private def delete(path: Path): Unit = {
    if (Files.isDirectory(path)) {
      val children = Files.list(path)
      try children.forEach(child => delete(child))
      finally children.close()
    }
    Files.deleteIfExists(path)
  }
}
