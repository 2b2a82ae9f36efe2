package org.longform.spark.job

import org.apache.spark.sql.Row

import java.io.File
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import scala.collection.JavaConverters._

/** The job of [[KilledJobSuite]] in a process of its own, which ends without any clean-up in the middle of a
  * batch.
  */
object KilledJob extends JobFixture {
  val Batch = 4

  def main(arguments: Array[String]): Unit = {
    val Array(input, output, haltAfter) = arguments
    run(request(input, Path.of(output), options = Map("halt_after" -> haltAfter), batch = Batch))
    System.exit(0)
  }
}

class KilledJobSuite extends JobFixture {
  private val documents = 12
  private val readBeforeTheEnd = 6

  private def answers(output: Path): Seq[(String, String, String)] =
    rows(output).map { row =>
      (row.getAs[String]("doc_id"), row.getAs[String]("config_hash"), row.getAs[String]("value"))
    }

  private def runs(found: Seq[Row]): Map[String, Int] =
    found.groupBy(_.getAs[String]("run_id")).map { case (run, of) => run -> of.size }

  test(
    "a job that is killed and started again ends like one that was left alone, and repeats no committed row"
  ) {
    val in = emptyFolder()
    (1 to documents).foreach(i => write(in, f"$i%02d.txt", s"text number $i " * i))
    val logs = emptyFolder()
    val killed = emptyFolder().resolve("killed")
    val children = new ChildProcesses(logs)
    try {
      val arguments = Seq("-Xmx1g", "org.longform.spark.job.KilledJob", in.toString, killed.toString)
      val process = children.start(
        "killed",
        ChildProcesses.classPath.mkString(File.pathSeparator),
        Map("SPARK_LOCAL_IP" -> "127.0.0.1"),
        arguments :+ readBeforeTheEnd.toString
      )
      assert(process.waitFor(5, TimeUnit.MINUTES), children.tail("killed"))
      assert(process.exitValue == 137, children.tail("killed"))
    } finally children.close()
    val committed = rows(killed)
    assert(committed.size == KilledJob.Batch, "the batch in which the process ended must not be there")

    val begun =
      Files.walk(killed.resolve("_longform")).iterator.asScala.count(_.toString.count(_ == '.') == 2)
    assert(begun >= 1, "what was being read must be marked")

    FakeReaders.reset()
    val resumed = run(request(in.toString, killed, batch = KilledJob.Batch))
    assert(resumed.rowsBefore == KilledJob.Batch)
    assert(FakeReaders.readings.get == documents - KilledJob.Batch)
    assert(runs(rows(killed)).values.toSeq.sorted == Seq(KilledJob.Batch, documents - KilledJob.Batch))
    val again =
      rows(killed).filter(row => committed.exists(_.getAs[String]("doc_id") == row.getAs[String]("doc_id")))
    assert(again.map(_.getAs[String]("run_id")).toSet == committed.map(_.getAs[String]("run_id")).toSet)

    val attempts = rows(killed).map(_.getAs[Int]("attempt"))
    assert(attempts.count(_ == 2) == begun && attempts.count(_ == 1) == documents - begun)
    assert(!Files.exists(killed.resolve("_longform")))

    val undisturbed = emptyFolder().resolve("undisturbed")
    run(request(in.toString, undisturbed, batch = KilledJob.Batch))
    assert(answers(killed) == answers(undisturbed))
  }
}
