package org.longform.spark.job

import org.apache.spark.sql.Row
import org.longform.prompt.Task
import org.longform.spark.{LocalSession, SparkSuite}
import org.longform.spark.job.input.InputSpec

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.time.Duration
import scala.collection.JavaConverters._

/** Inputs, requests and outputs of jobs. */
trait JobFixture extends SparkSuite {
  override protected def sparkConf: Map[String, String] = LocalSession.Interpreted

  protected def write(folder: Path, name: String, text: String): Path = {
    Files.createDirectories(folder.resolve(name).getParent)
    Files.write(folder.resolve(name), text.getBytes(UTF_8))
  }

  protected def request(
      input: String,
      output: Path,
      task: Task = Task.SUMMARIZE,
      questions: Seq[String] = Nil,
      questionsColumn: String = "",
      options: Map[String, String] = Map.empty,
      limit: Long = Integer.MAX_VALUE,
      batch: Int = 256,
      time: Duration = Duration.ofMinutes(10),
      failed: JobRequest.FailedRows = JobRequest.FailedRows.KEEP,
      onError: JobRequest.OnError = JobRequest.OnError.RECORD,
      recovery: JobRequest.Recovery = JobRequest.Recovery.DEFAULT
  ): JobRequest =
    new JobRequest(
      InputSpec.of(input).withQuestionsColumn(questionsColumn),
      task,
      questions.asJava,
      options.asJava,
      output.toString,
      limit,
      new JobRequest.Batching(batch, time),
      failed,
      onError,
      recovery
    )

  protected def run(request: JobRequest, readers: ReaderSource = new FakeReaders): JobSummary = {
    val quiet = new PrintStream(new ByteArrayOutputStream, true, "UTF-8")
    val line = new ProgressLine(quiet, ProgressLine.Screen.LOG, () => System.nanoTime())
    new ReadingJob(spark, readers, line).run(request)
  }

  protected def rows(output: Path): Seq[Row] =
    spark.read.format("delta").load(output.toString).orderBy("doc_id", "question").collect().toSeq
}
