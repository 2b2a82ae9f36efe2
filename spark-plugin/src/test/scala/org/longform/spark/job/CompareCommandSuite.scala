package org.longform.spark.job

import java.nio.file.{Files, Path}
import java.util.{Map => JMap}

import io.delta.tables.DeltaTable
import org.apache.spark.sql.Row
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.prompt.Task
import org.longform.read.{DocumentReader, ReadListener, ReadRequest}
import org.longform.runtime.LongformRuntime
import org.longform.spark.job.input.{AskedDocuments, AskedSpec, InputFormat}
import org.scalatest.BeforeAndAfterEach

import scala.collection.JavaConverters._

/** Readers of which those with the context streaming do not work until [[PickyReaders.healed]] is set. */
class PickyReaders extends FakeReaders {
  override def reader(options: JMap[String, String]): DocumentReader =
    if (options.get("context") == "streaming" && !PickyReaders.healed) {
      throw new LongformException(
        ErrorClass.INVALID_OPTION,
        "Cannot use context 'streaming': not today. Wait."
      )
    } else super.reader(options)
}

object PickyReaders {
  @volatile var healed = false
}

/** The command that runs strategies over the same documents. */
class CompareCommandSuite extends JobFixture with BeforeAndAfterEach {
  override def beforeEach(): Unit = {
    FakeReaders.reset()
    PickyReaders.healed = false
  }

  private def compare(readers: ReaderSource, output: Path, arguments: String*): RanCommand = {
    spark // commands take the session that runs
    RanCommand.of(readers, Seq("compare", "--output", output.toString) ++ arguments: _*)
  }

  private def results(output: Path): Seq[Row] = {
    val table = spark.read.format("delta").load(output.resolve("results").toString)
    table.orderBy("doc_id", "strategy", "measure").collect().toSeq
  }

  private def versions(output: Path): Long =
    DeltaTable.forPath(spark, output.resolve("results").toString).history().count()

  private val text = "The cohort was large. The answer is in the middle. The end was near."

  /** Two documents, the first with a question that the fake reader answers as expected. */
  private def documents(): Path = {
    val given = s"ask|Where is it?|${text.length}|${text.take(8)}"
    write(
      emptyFolder(),
      "documents.jsonl",
      s"""{"doc_id": "one", "text": "$text", "questions": [{"question": "Where is it?", "answer": "$given", "depth": 0.5}, {"question": "Who?", "answer": "the end"}]}
         |{"doc_id": "two", "text": "${text * 8}", "questions": [{"question": "Where is it?", "answer": "The answer"}]}
         |""".stripMargin
    )
  }

  test("every strategy reads every document for every measure, and all of it is written down") {
    val output = emptyFolder().resolve("out")
    val ran =
      compare(new FakeReaders, output, "--input", documents().toString, "--contexts", "full,streaming")
    assert(ran.code == 0, ran.err)
    val rows = results(output)
    assert(rows.size == 2 * 2 * 2)
    assert(FakeReaders.readings.get == 8)
    val first = rows.head
    assert(first.getAs[String]("strategy") == "full" && first.getAs[String]("measure") == "answers")
    assert(first.getAs[Long]("length_tokens") == 64 && first.getAs[Long]("attended_tokens") == 11)
    val asked = first.getSeq[Row](first.fieldIndex("answers"))
    assert(asked.map(_.getAs[String]("question")) == Seq("Where is it?", "Who?"))
    assert(asked.head.getAs[String]("value") == asked.head.getAs[String]("expected"))
    assert(asked.head.getAs[Double]("depth") == 0.5)
    assert(asked(1).isNullAt(asked(1).fieldIndex("depth")), "the text does not state 'the end'")
    val second = rows.find(r => r.getAs[String]("doc_id") == "two").get
    assert(second.getAs[Long]("length_tokens") == 256)
    assert(Files.readString(output.resolve("comparison.html")).contains("<svg"))
    assert(Files.exists(output.resolve("charts").resolve("answers-by-length.svg")))
    assert(output.toFile.list().toSet == Set("results", "comparison.html", "charts"))
    assert(
      ran.out.linesIterator.exists(_.trim.split(" {2,}").take(3).toSeq == Seq("full", "64", "50 % of 2"))
    )
    assert(ran.out.contains("8 readings, 8 of them new, 0 with an error."))
  }

  test("a second run reads nothing, writes no row and makes the same page") {
    val output = emptyFolder().resolve("out")
    val input = documents().toString
    def again(contexts: String) = compare(new FakeReaders, output, "--input", input, "--contexts", contexts)
    assert(again("full").code == 0)
    val rows = results(output)
    val page = Files.readString(output.resolve("comparison.html"))
    val written = versions(output)
    val ran = again("full")
    assert(ran.out.contains("4 readings, 0 of them new"), ran)
    assert(FakeReaders.readings.get == 4 && versions(output) == written)
    assert(results(output) == rows && Files.readString(output.resolve("comparison.html")) == page)
    assert(again("full,streaming").out.contains("8 readings, 4 of them new"))
    assert(FakeReaders.readings.get == 8)
  }

  test("an unknown strategy is one sentence, and nothing is written") {
    val output = emptyFolder().resolve("out")
    val ran =
      compare(new FakeReaders, output, "--input", documents().toString, "--contexts", "full,lm-infinit")
    assert(ran.code == LongformJob.WRONG_ARGUMENTS)
    assert(ran.err.startsWith("Cannot use context 'lm-infinit': it is unknown (known: full, "))
    assert(ran.err.linesIterator.size == 1)
    assert(!Files.exists(output) && FakeReaders.readings.get == 0)
  }

  test("a measure, a match and a context flag that make no sense are refused with a sentence") {
    val output = emptyFolder().resolve("out")
    def refused(arguments: String*) = {
      val ran = compare(new FakeReaders, output, "--input" +: documents().toString +: arguments: _*)
      assert(ran.code == LongformJob.WRONG_ARGUMENTS)
      ran.err.trim
    }
    assert(
      refused("--measures", "speed") ==
        "Cannot use option '--measures': its value is unknown ('speed'). Give one or more of answers, perplexity."
    )
    assert(refused("--match", "fuzzy").contains("'--match': its value is unknown ('fuzzy')"))
    assert(refused("--context", "full").contains("'--context': several are compared (full)"))
    assert(refused("--lengths", "512").contains("'--lengths' with '--input'"))
  }

  test("a strategy that fails does not take the others with it, and is tried again when asked to") {
    val output = emptyFolder().resolve("out")
    val arguments = Seq("--input", documents().toString, "--contexts", "streaming,full")
    val ran = compare(new PickyReaders, output, arguments: _*)
    assert(ran.code == 0, ran.err)
    assert(ran.out.contains("8 readings, 8 of them new, 4 with an error."))
    assert(ran.out.linesIterator.count(_.contains("not today")) == 1, "one sentence for all readings")
    assert(ran.out.contains("\nstreaming, 4 readings: Cannot use context 'streaming': not today. Wait.\n"))
    val (failed, fine) = results(output).partition(_.getAs[String]("strategy") == "streaming")
    assert(failed.forall(!_.isNullAt(failed.head.fieldIndex("error"))) && failed.size == 4)
    assert(fine.forall(_.isNullAt(fine.head.fieldIndex("error"))) && fine.size == 4)
    assert(Files.readString(output.resolve("comparison.html")).contains("not today"))

    PickyReaders.healed = true
    assert(compare(new PickyReaders, output, arguments: _*).out.contains("0 of them new, 4 with an error"))
    val retried = compare(new PickyReaders, output, arguments :+ "--retry-failed": _*)
    assert(retried.out.contains("8 readings, 4 of them new, 0 with an error."))
    assert(results(output).map(_.getAs[Int]("attempt")).sorted == Seq(1, 1, 1, 1, 2, 2, 2, 2))
  }

  test("a document that cannot be read is an error in its cells only") {
    val input = write(
      emptyFolder(),
      "documents.jsonl",
      s"""{"doc_id": "none", "text": null}
         |{"doc_id": "poison", "text": "POISON POISON"}
         |{"doc_id": "one", "text": "$text"}
         |""".stripMargin
    )
    val output = emptyFolder().resolve("out")
    val ran = compare(new FakeReaders, output, "--input", input.toString, "--contexts", "full")
    assert(ran.code == 0, ran.err)
    val errors = results(output)
      .filterNot(row => row.isNullAt(row.fieldIndex("error")))
      .map(row => row.getAs[String]("doc_id") -> row.getAs[Row]("error").getAs[String]("class"))
    assert(errors.toMap == Map("none" -> "EMPTY_DOCUMENT", "poison" -> "INTERNAL"))
    assert(results(output).size == 3, "without questions there is perplexity alone")
  }

  test("answers alone about documents without questions are refused with a sentence") {
    val input = write(emptyFolder(), "one.txt", text)
    val ran = compare(
      new FakeReaders,
      emptyFolder().resolve("out"),
      "--input",
      input.toString,
      "--contexts",
      "full",
      "--measures",
      "answers"
    )
    assert(ran.code == LongformJob.FAILED)
    assert(ran.err.startsWith("Cannot compare: nothing is asked about the documents of"))
  }

  test(
    "a table with a row for each question gives one document with all of them, wherever it says the answers"
  ) {
    val session = spark
    import session.implicits._
    val folder = emptyFolder().resolve("table")
    Seq(
      (text, "Where?", "in the middle", "b"),
      (text, "What?", "cohort", "a"),
      (text, "What?", "cohort", "a"),
      ("Another text.", "", "x", "c")
    ).toDF("body", "q", "a", "name").write.format("delta").save(folder.toString)
    val spec = new AskedSpec(folder.toString, InputFormat.AUTO, "body", "name", "", "q", "a")
    val rows = AskedDocuments.open(spark, spec).orderBy("doc_id").collect()
    assert(rows.head.schema.fieldNames.toSeq == AskedDocuments.DOCUMENT.fieldNames.toSeq)
    assert(rows.map(_.getAs[String]("doc_id")).toSeq == Seq("a", "c"))
    val asked = rows.head.getSeq[Row](rows.head.fieldIndex("questions"))
    assert(
      asked.map(r => r.getString(0) -> r.getString(1)) == Seq(
        "What?" -> "cohort",
        "Where?" -> "in the middle"
      )
    )
    val places = asked.map(_.getDouble(2))
    assert(places == Seq(text.indexOf("cohort"), text.indexOf("in the middle")).map(_.toDouble / text.length))
    assert(rows(1).getSeq[Row](rows(1).fieldIndex("questions")).isEmpty, "a question without words is none")
    val again = AskedDocuments.open(spark, spec).orderBy("doc_id").collect()
    assert(again.toSeq == rows.toSeq, "a document is the same in every run")
  }

  test("a column that is not there or holds no questions is refused with a sentence") {
    val input = documents().toString
    def refusal(questions: String): String = {
      val spec = new AskedSpec(input, InputFormat.AUTO, "text", "", questions, "", "")
      intercept[LongformException](AskedDocuments.open(spark, spec)).getMessage
    }
    assert(refusal("asked").contains("there is no column 'asked'"))
    assert(refusal("doc_id").contains("column 'doc_id' holds no questions (string)"))
  }

  test(
    "generated articles are read by the bundled model, and the scores by position add up to its perplexity"
  ) {
    val output = emptyFolder().resolve("out")
    val arguments =
      Seq("--lengths", "256,512", "--questions", "1", "--contexts", "full,lm-infinite:local-size=128")
    val ran = compare(new RuntimeReaders, output, arguments: _*)
    assert(ran.code == 0, ran.err)
    val rows = results(output)
    assert(rows.map(_.getAs[Long]("length_tokens")).toSet == Set(256L, 512L))
    assert(rows.forall(row => row.isNullAt(row.fieldIndex("error"))))
    assert(rows.forall(_.getAs[Long]("peak_kv_bytes") > 0))
    val depths = rows.flatMap(r => r.getSeq[Row](r.fieldIndex("answers"))).map(_.getAs[Double]("depth")).toSet
    assert(depths == Set(0.0, 0.25, 0.5, 0.75, 1.0))

    val scored = rows.filter(_.getAs[String]("measure") == "perplexity").maxBy(_.getAs[Long]("input_tokens"))
    val buckets = scored.getSeq[Row](scored.fieldIndex("scores"))
    assert(buckets.size == 4 && buckets.last.getAs[Long]("to_position") == 512)
    val document = spark.read
      .json(output.toString + "/articles-*.jsonl")
      .where(s"doc_id = '${scored.getAs[String]("doc_id")}'")
      .head()
      .getAs[String]("text")
    val options = Map("context" -> "full")
    val contender =
      if (scored.getAs[String]("strategy") == "full") options
      else
        Map(
          "context" -> "lm-infinite",
          "local_size" -> "128"
        )
    val answer = LongformRuntime
      .reader(contender.asJava)
      .read(new ReadRequest(document, Task.PERPLEXITY, Seq("").asJava, "key", ReadListener.NONE))
    val perplexity =
      math.exp(buckets.map(_.getAs[Double]("nats")).sum / buckets.map(_.getAs[Long]("tokens")).sum)
    assert(math.abs(perplexity / answer.get(0).value().toDouble - 1) < 1e-9)

    val again = compare(new RuntimeReaders, output, arguments: _*)
    assert(again.out.contains(" 0 of them new, 0 with an error."), again)
    assert(results(output) == rows)
  }
}
