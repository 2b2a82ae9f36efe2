package org.longform.spark.job

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.prompt.Task
import org.scalatest.BeforeAndAfterEach

import java.time.Duration

class ReadingJobSuite extends JobFixture with BeforeAndAfterEach {
  override def beforeEach(): Unit = FakeReaders.reset()

  test("each document becomes one row with value, usage, evidence and where it came from") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(in, "a.txt", "alpha text")
    write(in, "b.txt", "beta text is longer")
    val summary = run(request(in.toString, out))
    val found = rows(out)
    assert(found.map(_.getAs[String]("value")) == Seq("summarize||10|alpha te", "summarize||19|beta tex"))
    val row = found.head
    assert(row.getAs[String]("doc_id").endsWith("a.txt"))
    assert(row.getAs[String]("source_path").endsWith("a.txt"))
    assert(row.getAs[String]("content_hash") == ReadingJob.sha256("alpha text"))
    assert(row.getAs[String]("config_hash") == summary.configHash)
    assert(row.getAs[String]("run_id") == summary.runId)
    assert(row.getAs[String]("task") == "summarize")
    assert(row.getAs[String]("question") == "")
    assert(row.getAs[Any]("error") == null)
    assert(row.getAs[Long]("input_tokens") == 2 && row.getAs[Long]("output_tokens") == 7)
    assert(row.getAs[Int]("attempt") == 1)
    assert(row.getAs[Any]("started_at") != null)
    assert(row.getSeq[org.apache.spark.sql.Row](row.fieldIndex("evidence")).head.getString(3) == "alph")
    assert(summary.rowsWithValue == 2 && summary.rowsWithError == 0 && summary.tokensRead == 6)
  }

  test("all questions of a document are answered from one reading, each in its row") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(in, "a.txt", "alpha text")
    write(in, "b.txt", "beta text")
    run(request(in.toString, out, Task.ASK, Seq("who?", "when?", "who?")))
    assert(FakeReaders.readings.get == 2)
    assert(rows(out).map(_.getAs[String]("question")) == Seq("when?", "who?", "when?", "who?"))
  }

  test("documents carry questions of their own, as objects, texts or a text") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(
      in,
      "corpus.jsonl",
      """{"doc_id":"a","text":"alpha","questions":[{"question":"one?","answer":"1"},{"question":"two?"}]}
        |{"doc_id":"b","text":"beta","questions":["three?"]}
        |{"doc_id":"c","text":"gamma","questions":"four?"}
        |{"doc_id":"d","text":"delta"}
        |""".stripMargin
    )
    run(request(in.toString, out, Task.ASK, questionsColumn = "questions"))
    val found = rows(out)
    assert(
      found.map(r => (r.getAs[String]("doc_id"), r.getAs[String]("question"))) ==
        Seq("a" -> "one?", "a" -> "two?", "b" -> "three?", "c" -> "four?", "d" -> "")
    )
    assert(
      found.last.getStruct(found.last.fieldIndex("error")).getString(1) ==
        "Cannot ask document 'd': it carries no question. Give it one or use --question."
    )
    assert(FakeReaders.readings.get == 3)
  }

  test("equal documents and a second run give no second row and no second reading") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    (1 to 5).foreach(i => write(in, s"same$i.txt", "the same text"))
    (1 to 7).foreach(i => write(in, s"other$i.txt", s"text number $i"))
    write(in, "twice.jsonl", Seq.fill(3)("""{"doc_id":"j","text":"json text"}""").mkString("\n"))
    val first = run(request(in.toString, out, batch = 3))
    assert(rows(out).size == 9)
    assert(FakeReaders.readings.get == 9)
    assert(first.rowsBefore == 0)
    val second = run(request(in.toString, out, batch = 3))
    assert(rows(out).size == 9)
    assert(FakeReaders.readings.get == 9)
    assert(second.rowsBefore == 9 && second.rowsWithValue == 0)
  }

  test("other options and new questions are other rows, and only those are read") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(in, "a.txt", "alpha text")
    run(request(in.toString, out, Task.ASK, Seq("one?")))
    run(request(in.toString, out, Task.ASK, Seq("one?", "two?")))
    assert(FakeReaders.readings.get == 2)
    run(request(in.toString, out, Task.ASK, Seq("one?"), options = Map("seed" -> "7")))
    assert(FakeReaders.readings.get == 3)
    run(request(in.toString, out, Task.SUMMARIZE))
    assert(FakeReaders.readings.get == 4)
    assert(rows(out).size == 4)
  }

  test("whatever is wrong with a document is an error in its row") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(in, "fine.txt", "fine text")
    write(in, "poison.txt", "POISON")
    write(in, "empty.txt", " \n")
    java.nio.file.Files.write(in.resolve("bytes.txt"), Array[Byte]('a', 'b', 0xff.toByte))
    write(in, "article.xml", "<article><body>")
    write(
      in,
      "lines.jsonl",
      "{\"doc_id\":\"null\",\"text\":null}\nnot json\n{\"doc_id\":\"good\",\"text\":\"good\"}\n"
    )
    val summary = run(request(in.toString, out))
    val byId = rows(out).map { row =>
      val error = row.getStruct(row.fieldIndex("error"))
      row.getAs[String]("doc_id").split('/').last -> (if (error == null) "" else error.getString(0))
    }.toMap
    assert(byId("fine.txt") == "")
    assert(byId("good") == "")
    assert(byId("poison.txt") == "INTERNAL")
    assert(byId("empty.txt") == "EMPTY_DOCUMENT")
    assert(byId("bytes.txt") == "MALFORMED_DOCUMENT")
    assert(byId("article.xml") == "MALFORMED_DOCUMENT")
    assert(byId("null") == "EMPTY_DOCUMENT")
    assert(byId.values.count(_ == "MALFORMED_DOCUMENT") == 3)
    assert(summary.rowsWithError == 6 && summary.rowsWithValue == 2)
  }

  test("a row of 10 MB is read whole") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(in, "long.txt", "abcdefgh " * 1200000)
    write(in, "long.jsonl", s"""{"doc_id":"j","text":"${"ijklmnop " * 2400000}"}""")
    run(request(in.toString, out))
    assert(
      rows(out).map(_.getAs[String]("value")).toSet ==
        Set("summarize||10800000|abcdefgh", "summarize||21600000|ijklmnop")
    )
  }

  test("failed rows stay as they are until a retry is asked for, which counts the attempt") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(in, "bad.txt", "this FAILS")
    write(in, "good.txt", "this works")
    run(request(in.toString, out))
    run(request(in.toString, out))
    assert(FakeReaders.readings.get == 2)
    run(request(in.toString, out, failed = JobRequest.FailedRows.RETRY))
    assert(FakeReaders.readings.get == 3)
    FakeReaders.healed = true
    val summary = run(request(in.toString, out, failed = JobRequest.FailedRows.RETRY))
    assert(FakeReaders.readings.get == 4)
    assert(summary.rowsWithValue == 1)
    val found = rows(out)
    assert(found.map(_.getAs[Int]("attempt")) == Seq(3, 1))
    assert(found.forall(row => row.isNullAt(row.fieldIndex("error"))))
  }

  test("a document over its time is an error in its row, and a retry with more time answers it") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(in, "long.txt", "The data on root growth are open to all readers. " * 2000)
    def once(options: Map[String, String], failed: JobRequest.FailedRows = JobRequest.FailedRows.KEEP) = {
      val all = options + ("context" -> "lm-infinite") + ("max_new_tokens" -> "4")
      run(request(in.toString, out, options = all, failed = failed), new RuntimeReaders)
      rows(out)
    }
    val Seq(late) = once(Map("row_timeout" -> "1ms"))
    assert(late.getStruct(late.fieldIndex("error")).getString(0) == "ROW_TIMEOUT")
    val Seq(answered) = once(Map("row_timeout" -> "1h"), JobRequest.FailedRows.RETRY)
    assert(answered.isNullAt(answered.fieldIndex("error")) && answered.getAs[Int]("attempt") == 2)
  }

  test("with fail-on-error the first error is what the job fails with, and what was finished stays") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    (1 to 6).foreach(i => write(in, s"$i.txt", s"text $i"))
    write(in, "7.txt", "this FAILS")
    val error = intercept[LongformException] {
      run(request(in.toString, out, batch = 3, onError = JobRequest.OnError.FAIL_JOB))
    }
    assert(error.getMessage == "Cannot read the document: it fails (FAILS). Heal it.")
    assert(error.errorClass == ErrorClass.CANCELLED)
    assert(rows(out).count(row => row.isNullAt(row.fieldIndex("error"))) == 6)
  }

  test("a limit reads the first documents of the input and no others, however often it runs") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    (1 to 9).foreach(i => write(in, s"$i.txt", s"text $i"))
    (1 to 2).foreach(_ => run(request(in.toString, out, limit = 4)))
    assert(
      rows(out).map(_.getAs[String]("doc_id").split('/').last) == Seq("1.txt", "2.txt", "3.txt", "4.txt")
    )
    assert(FakeReaders.readings.get == 4)
  }

  test("every batch is one commit that names the run") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    (1 to 7).foreach(i => write(in, s"$i.txt", s"text $i"))
    val summary = run(request(in.toString, out, batch = 3))
    val history = io.delta.tables.DeltaTable.forPath(spark, out.toString).history().collect()
    val metadata = history.map(_.getAs[String]("userMetadata")).filter(_ != null)
    assert(metadata.toSeq == Seq.fill(3)("longform run " + summary.runId))
  }

  test("what is finished is committed when it is time, also within a batch") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    (1 to 24).foreach(i => write(in, s"$i.txt", s"text $i"))
    run(request(in.toString, out, options = Map("pause_ms" -> "400"), time = Duration.ofMillis(1)))
    val commits =
      io.delta.tables.DeltaTable.forPath(spark, out.toString).history().filter("operation = 'MERGE'").count()
    assert(commits >= 2)
    assert(rows(out).size == 24 && FakeReaders.readings.get == 24)
  }

  test("a document that vanishes while the job runs is told of and has no row") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(in, "1.txt", "text 1")
    val last = write(in, "2.txt", "text 2")
    val summary = run(request(in.toString, out, options = Map("delete" -> last.toString), batch = 1))
    assert(summary.documentsLost == 1 && summary.rowsWithValue == 1)
    assert(
      summary.text.contains(
        "1 documents changed or vanished while the job ran and have no rows. Run it again."
      )
    )
    assert(rows(out).size == 1)
  }
}
