package org.longform.spark.job

import java.io.File
import java.lang.ProcessBuilder.Redirect
import java.lang.management.ManagementFactory
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import scala.collection.JavaConverters._
import scala.collection.mutable.ArrayBuffer

/** Java processes of a test; none outlives [[close]], nor do the processes they started. */
class ChildProcesses(logs: Path) extends AutoCloseable {
  private val running = ArrayBuffer.empty[Process]
  sys.addShutdownHook(close())

  def start(
      name: String,
      classPath: String,
      environment: Map[String, String],
      arguments: Seq[String]
  ): Process =
    synchronized {
      val java = Path.of(System.getProperty("java.home"), "bin", "java").toString
      val builder =
        new ProcessBuilder(java +: (ChildProcesses.javaOptions ++ ChildProcesses.quickStart ++ arguments): _*)
      builder.environment().putAll((environment + ("CLASSPATH" -> classPath)).asJava)
      builder.directory(logs.toFile)
      builder.redirectErrorStream(true)
      builder.redirectOutput(Redirect.to(log(name).toFile))
      val process = builder.start()
      running += process
      process
    }

  def log(name: String): Path = logs.resolve(name + ".log")

  /** The end of what a process printed, for the message of a failed test. */
  def tail(name: String): String =
    Files.readAllLines(log(name)).asScala.takeRight(40).mkString(s"--- end of $name.log ---\n", "\n", "\n---")

  override def close(): Unit = synchronized {
    val all = running.flatMap(process => process.toHandle +: process.descendants().iterator.asScala.toSeq)
    all.foreach(_.destroyForcibly())
    all.foreach(_.onExit().get(20, TimeUnit.SECONDS))
    running.clear()
  }
}

object ChildProcesses {

  /** What this Java was opened with, which Spark needs. */
  val javaOptions: Seq[String] = ManagementFactory.getRuntimeMXBean.getInputArguments.asScala
    .filter(option =>
      option.startsWith("--add-opens") || option.startsWith("-XX:+Ignore") || option.contains("Direct")
    )
    .toSeq

  /** Most of what these processes do is start, with classes that the JVM of the tests has verified. */
  val quickStart: Seq[String] = Seq(
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-BytecodeVerificationRemote"
  )

  def classPath: Seq[String] = System.getProperty("java.class.path").split(File.pathSeparator).toSeq
}
