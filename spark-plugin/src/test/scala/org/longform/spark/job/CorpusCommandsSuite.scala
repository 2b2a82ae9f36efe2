package org.longform.spark.job

import java.nio.file.{Files, Path}

import scala.collection.JavaConverters._

import org.longform.spark.SparkSuite

/** The commands that make a corpus with gold answers and compare answers with them. */
class CorpusCommandsSuite extends SparkSuite {
  private def run(arguments: String*): RanCommand = RanCommand.of(new RuntimeReaders, arguments: _*)

  private def corpus(directory: Path): Path = {
    val file = directory.resolve("articles.jsonl")
    val ran =
      run("articles", "--seed", "s", "--lengths", "200,440", "--articles", "2", "--output", file.toString)
    assert(ran.code == 0, ran.err)
    assert(ran.out.startsWith("Wrote articles of [200, 440] tokens"))
    file
  }

  test("articles writes one JSON line an article, the same for the same seed") {
    val directory = Files.createTempDirectory("corpus-")
    val file = corpus(directory)
    assert(Files.readAllLines(file).size() == 4)
    assert(directory.toFile.list().toSeq == Seq("articles.jsonl"))
    assert(Files.readString(file) == Files.readString(corpus(Files.createTempDirectory("corpus-"))))
  }

  test("articles writes the evaluation of the model card, five depths a length") {
    val file = Files.createTempDirectory("needles-").resolve("card.jsonl")
    val ran = run("articles", "--needles", "1", "--lengths", "512,1024", "--output", file.toString)
    assert(ran.code == 0, ran.err)
    val asked =
      spark.read.json(file.toString).selectExpr("length_tokens_target AS length", "explode(questions) AS q")
    assert(
      asked.groupBy("length").count().collect().map(r => r.getLong(0) -> r.getLong(1)).toMap == Map(
        512L -> 5L,
        1024L -> 5L
      )
    )
    assert(asked.where("q.depth = 1.0").count() == 2)
  }

  test("articles refuses a length of nothing in a sentence") {
    val ran =
      run("articles", "--lengths", "0", "--output", Files.createTempDirectory("c").resolve("f").toString)
    assert(ran.code == LongformJob.WRONG_ARGUMENTS)
    assert(ran.err.contains("Cannot write a corpus: target lengths must be given and positive ([0])"))
  }

  test("articles replaces a file only if that is wanted") {
    val file = Files.writeString(Files.createTempDirectory("kept-").resolve("mine.jsonl"), "mine")
    val arguments = Seq("articles", "--lengths", "200", "--output", file.toString)
    val refused = run(arguments: _*)
    assert(refused.code == LongformJob.WRONG_ARGUMENTS)
    assert(
      refused.err.trim ==
        s"Cannot write '$file': it is there already. Name another file, or give --overwrite."
    )
    assert(Files.readString(file) == "mine")
    assert(run(arguments :+ "--overwrite": _*).code == 0)
    assert(Files.readString(file).startsWith("{"))
  }

  test("evaluate says in a sentence that answers or gold answers are not there") {
    val directory = Files.createTempDirectory("evaluate-")
    val file = corpus(directory)
    val nowhere = directory.resolve("nowhere").toString
    for (
      (what, answers, gold) <- Seq(
        ("gold answers", directory.toString, nowhere),
        ("answers", nowhere, file.toString)
      )
    ) {
      val ran = run("evaluate", "--answers", answers, "--gold", gold)
      assert(ran.code == 1)
      assert(ran.err.startsWith(s"Cannot read the $what in [$nowhere]: "), ran.err)
      assert(ran.err.trim.endsWith("Name what 'longform ask' and 'longform articles' wrote."), ran.err)
      assert(ran.err.linesIterator.size == 1, ran.err)
    }
  }

  test("evaluate counts exact answers by method and length and shows them beside the gold ones") {
    val directory = Files.createTempDirectory("evaluate-")
    val gold = spark.read.json(corpus(directory).toString)
    val answers = gold
      .selectExpr("doc_id", "length_tokens_target AS length", "explode(questions) AS q")
      .selectExpr(
        "doc_id",
        "q.question",
        "'ask' AS task",
        "'some-method' AS method",
        "array(named_struct('text', concat('So t', substring(q.answer, 2)))) AS evidence",
        "CASE WHEN length = 200 THEN concat(q.answer, ' ') WHEN q.depth < 0.5 THEN NULL ELSE 'wrong' END AS value"
      )
    answers.write.format("delta").save(directory.resolve("answers").toString)
    val ran = run(
      "evaluate",
      "--answers",
      directory.resolve("answers").toString,
      "--gold",
      directory.resolve("articles.jsonl").toString,
      "--show",
      "2"
    )
    assert(ran.code == 0, ran.err)
    val table = ran.out.substring(ran.out.indexOf("Exact match"), ran.out.indexOf("Exact answers whose"))
    val evidence = ran.out.substring(ran.out.indexOf("Exact answers whose"))
    assert(evidence.linesIterator.exists(_.trim.split("\\s+").toSeq == Seq("method", "200")))
    assert(evidence.contains("some-method") && evidence.contains("100% of"))
    assert(table.linesIterator.exists(_.trim.split("\\s+").toSeq == Seq("method", "200", "440")))
    assert(table.contains("some-method") && table.contains("100% of") && table.contains("0% of"))
    assert(ran.out.contains("  gold  ") && ran.out.linesIterator.count(_.startsWith("  question")) == 2)
  }
}
