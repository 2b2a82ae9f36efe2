package org.longform.spark.job

import com.fasterxml.jackson.databind.ObjectMapper
import org.longform.datasets.tasks.{CorpusGenerator, CorpusRequest}

import java.nio.file.{Files, Path}
import scala.collection.JavaConverters._

/** The job as a user submits it: a master, two workers and the driver, each a process of its own, the product
  * as jars.
  */
class ClusterSuite extends JobFixture {

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
    val events = Files.createDirectories(folder.resolve("events"))
    val corpus = folder.resolve("corpus.jsonl")
    val out = Files.newOutputStream(corpus)
    try CorpusGenerator.write(CorpusRequest.of("cluster", java.util.Arrays.asList(200L, 1000L), 4), out)
    finally out.close()
    val answers = folder.resolve("answers")
    val settings = Map(
      "spark.eventLog.enabled" -> "true",
      "spark.eventLog.compress" -> "false",
      "spark.eventLog.rolling.enabled" -> "false",
      "spark.eventLog.dir" -> events.toUri.toString
    )
    val cluster = new StandaloneCluster(folder, workers = 2, cores = 1)
    val printed =
      try {
        val job = cluster.submit(
          "submit",
          "org.longform.spark.job.LongformJob",
          settings,
          Seq("ask", "--input", corpus.toString, "--questions-column", "questions") ++
            Seq("--output", answers.toString, "--fail-on-error"): _*
        )
        cluster.finished("submit", job)
      } finally cluster.close()

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
    assert(printed.contains(s"${found.size} rows with a value, 0 with an error"))
  }
}
