package org.longform.spark.job

import org.apache.spark.sql.{Row, SparkSession}
import org.longform.datasets.tasks.{CorpusGenerator, CorpusRequest}
import org.scalatest.BeforeAndAfterAll

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.file.{Files, Path}
import scala.collection.JavaConverters._
import scala.util.Random

/** A job with [[FakeReaders]] in a cluster: input, output, documents of a batch, attempts, then options. */
object FaultyJob extends JobFixture {
  override protected lazy val spark: SparkSession = JobSession.open("local[1]").spark()

  def main(arguments: Array[String]): Unit = {
    val Array(input, output, batch, attempts) = arguments.take(4)
    val options = arguments.drop(4).map(_.split("=")).map(pair => pair(0) -> pair(1)).toMap
    val summary = run(
      request(
        input,
        Path.of(output),
        options = options,
        batch = batch.toInt,
        recovery = new JobRequest.Recovery(attempts.toInt, "")
      )
    )
    println(summary.text)
    System.exit(0)
  }
}

/** What a job makes of executors and drivers that end without warning. */
class FaultsSuite extends JobFixture with BeforeAndAfterAll {
  private val faultyJob = "org.longform.spark.job.FaultyJob"
  // -Dlongform.kills=20 for the full number
  private val kills = Integer.getInteger("longform.kills", 4).intValue
  private val documents = 20 + 10 * kills
  private lazy val cluster = new StandaloneCluster(emptyFolder(), workers = 2, cores = 1, sparkConf)

  override def afterAll(): Unit = cluster.close()

  private def texts(documents: Int): Path = {
    val in = emptyFolder()
    (1 to documents).foreach(i => write(in, f"$i%02d.txt", s"text number $i " * i))
    in
  }

  /** All that must not depend on what happened meanwhile. */
  private def answers(found: Seq[Row]): Seq[Seq[Any]] =
    found.map(row => Seq("doc_id", "config_hash", "question", "value", "input_tokens").map(row.getAs[Any](_)))

  private def undisturbed(in: Path, options: Map[String, String] = Map.empty): Seq[Row] = {
    val out = emptyFolder().resolve("undisturbed")
    run(request(in.toString, out, options = options))
    rows(out)
  }

  // files come and go meanwhile
  private def files(directory: Path): Seq[String] =
    Option(directory.toFile.listFiles()).toSeq.flatten.flatMap(file => file.getName +: files(file.toPath))

  /** Marks of documents that are being read. */
  private def marks(output: Path): Seq[String] =
    files(output.resolve("_longform")).filter(name => !name.endsWith(".crc") && name.count(_ == '.') == 2)

  private def error(row: Row): Row = row.getStruct(row.fieldIndex("error"))

  test("a document that ends its executor each time gets an error row, and the others their answers") {
    val in = texts(9)
    write(in, "poison.txt", "this one CRASHES whoever reads it")
    val output = emptyFolder().resolve("answers")
    val job = cluster.submit(
      "poison",
      faultyJob,
      Map("spark.task.maxFailures" -> "2"),
      Seq(in.toString, output.toString, "100", "3", "pause_ms=200"): _*
    )
    val printed = cluster.finished("poison", job)
    assert(printed.contains("9 rows with a value, 1 with an error"), printed)
    val (poison, others) = rows(output).partition(_.getAs[String]("doc_id").endsWith("poison.txt"))
    assert(error(poison.head).getString(0) == "CRASHED")
    assert(
      error(poison.head)
        .getString(1)
        .matches(
          "Cannot read document '.*poison.txt': the executor ended each time it was read \\(3 times, the last " +
            "time with nothing beside it\\). See the executors' logs; leave the document out, or run again " +
            "with --retry-failed."
        )
    )
    assert(poison.head.getAs[Int]("attempt") == 3)
    val expected = undisturbed(texts(9))
    assert(others.map(_.getAs[String]("value")) == expected.map(_.getAs[String]("value")))
    assert(others.forall(_.getAs[Int]("attempt") <= 3))
    assert(!Files.exists(output.resolve("_longform")), files(output.resolve("_longform")))
  }

  test(s"executors that are killed $kills times at random moments change nothing in the table") {
    val in = texts(documents)
    val output = emptyFolder().resolve("answers")
    val seed = 20260
    val random = new Random(seed)
    val job = cluster.submit(
      "killed",
      faultyJob,
      Map("spark.task.maxFailures" -> "2"),
      Seq(in.toString, output.toString, "20", "1000", "pause_ms=250"): _*
    )
    var killed = 0
    while (killed < kills) {
      cluster.waitFor(s"a document to be read before kill ${killed + 1}", "killed") {
        assert(job.isAlive, s"the job ended before kill ${killed + 1}, seed $seed\n" + cluster.tail("killed"))
        marks(output).nonEmpty && cluster.executors.nonEmpty
      }
      Thread.sleep(random.nextInt(1500).toLong)
      val running = cluster.executors
      if (running.nonEmpty && running(random.nextInt(running.size)).destroyForcibly()) killed += 1
    }
    cluster.finished("killed", job)
    val expected = undisturbed(in)
    assert(rows(output).size == documents)
    assert(answers(rows(output)) == answers(expected))
    assert(rows(output).map(_.getAs[Int]("attempt")).sum > documents, "no kill hit a document")
    assert(!Files.exists(output.resolve("_longform")))
  }

  test("a driver that is killed and started again computes no finished row a second time, and loses none") {
    val in = texts(24)
    val output = emptyFolder().resolve("answers")
    def job(name: String): Process =
      cluster.submit(
        name,
        faultyJob,
        Map.empty,
        Seq(in.toString, output.toString, "6", "3", "pause_ms=300"): _*
      )
    val first = job("first")
    cluster.waitFor("two commits", "first") {
      assert(first.isAlive, cluster.tail("first"))
      files(output.resolve("_delta_log")).exists(_.matches("0*2[.]json")) && marks(output).nonEmpty
    }
    first.destroyForcibly().waitFor()
    cluster.waitFor("its executors to end", "first")(cluster.executors.isEmpty)
    def runs(found: Seq[Row]): Map[String, Set[String]] =
      found.groupBy(_.getAs[String]("run_id")).map { case (run, of) =>
        run -> of.map(_.getAs[String]("doc_id")).toSet
      }
    val committed = runs(rows(output))
    assert(committed.size == 1 && committed.values.head.size < 24)
    cluster.finished("again", job("again"))
    assert(rows(output).size == 24)
    assert(answers(rows(output)) == answers(undisturbed(in)))
    assert(runs(rows(output)).get(committed.keys.head) == committed.values.headOption)
    assert(runs(rows(output)).size == 2)
    assert(!Files.exists(output.resolve("_longform")))
  }

  test("a long document whose executor is killed goes on from its checkpoint, to the same answer") {
    val corpus = emptyFolder().resolve("long.jsonl")
    val out = Files.newOutputStream(corpus)
    try CorpusGenerator.write(CorpusRequest.of("long", java.util.Arrays.asList(120000L), 1), out)
    finally out.close()
    def arguments(output: Path, more: String*): Seq[String] =
      Seq("ask", "--input", corpus.toString, "--questions-column", "questions") ++
        Seq("--output", output.toString, "--context", "lm-infinite") ++ more
    val output = emptyFolder().resolve("answers")
    val job = cluster.submit(
      "long",
      "org.longform.spark.job.LongformJob",
      Map("spark.longform.checkpointTokens" -> "4000"),
      arguments(output, "--fail-on-error"): _*
    )
    // the first one is complete, the document is not
    cluster.waitFor("the second checkpoint", "long") {
      assert(job.isAlive, cluster.tail("long"))
      try files(output.resolve("_longform")).exists(_.matches("[0-9a-f]{64}[.]([2-9]|[0-9]{2,})"))
      catch { case _: java.io.UncheckedIOException => false }
    }
    cluster.executors.foreach(_.destroyForcibly())
    cluster.finished("long", job)

    val wentOn = "Go on with document [0-9a-f]+ at token ([0-9]+)".r
    val tokens = cluster.executorLogs.flatMap(log => wentOn.findAllMatchIn(log).map(_.group(1).toLong))
    assert(tokens.nonEmpty && tokens.forall(_ >= 8000), s"$tokens")
    val alone = emptyFolder().resolve("alone")
    spark // the command takes the session that runs
    val quiet = new PrintStream(new ByteArrayOutputStream, true, "UTF-8")
    val context = new CommandContext(new RuntimeReaders, quiet, System.err)
    assert(LongformJob.run(arguments(alone).toArray, context) == 0)
    val found = rows(output)
    val unhurt = rows(alone)
    assert(found.nonEmpty && found.forall(_.getAs[String]("value") != null))
    def same(rows: Seq[Row]) = rows.map { row =>
      Seq("doc_id", "config_hash", "question", "value", "input_tokens", "attended_tokens", "seed", "evidence")
        .map(row.getAs[Any](_))
    }
    assert(same(found) == same(unhurt))
    assert(found.map(_.getAs[Int]("attempt")).toSet == Set(2))
    assert(!Files.exists(output.resolve("_longform")))
  }
}
