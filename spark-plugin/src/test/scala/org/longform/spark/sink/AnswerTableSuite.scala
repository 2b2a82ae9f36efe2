package org.longform.spark.sink

import io.delta.tables.DeltaTable
import org.apache.spark.sql.Row
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.prompt.Task
import org.longform.read.{Answer, AnswerError}
import org.longform.spark.SparkSuite

import java.nio.file.Files
import java.time.Instant
import java.util.{Arrays, List => JList}
import scala.collection.JavaConverters._

class AnswerTableSuite extends SparkSuite {
  private def row(content: String, value: String, attempt: Int = 1): Row = {
    val error =
      if (value == null) new AnswerError(ErrorClass.INTERNAL, "Cannot read it: no reason. Try again.")
      else null
    new AnswerRow(
      new AnswerRow.Key(content, "config", Task.ASK, "what?"),
      "doc " + content,
      new Answer(value, error, "stop", 1, 2, 3, false, "full", "m", "r", 4, 5, JList.of()),
      attempt,
      "run",
      Instant.EPOCH,
      "path"
    ).toRow
  }

  private def values(table: AnswerTable): Map[String, String] =
    table.rows().collect().map(r => r.getAs[String]("content_hash") -> r.getAs[String]("value")).toMap

  test("a new table has the columns with comments, a property with their version and a comment") {
    val path = emptyFolder().resolve("t").toString
    AnswerTable.open(spark, path)
    val schema = DeltaTable.forPath(spark, path).toDF.schema
    assert(schema.fieldNames.toSeq == AnswerColumns.TABLE.fieldNames.toSeq)
    assert(schema("question").getComment().contains("Empty where the task has none"))
    val detail = DeltaTable.forPath(spark, path).detail().head()
    assert(detail.getAs[Map[String, String]]("properties").get("longform.answers.version").contains("1"))
    assert(detail.getAs[String]("description").startsWith("Answers of Longform"))
  }

  test("a commit is all or nothing and the same rows twice change nothing") {
    val table = AnswerTable.open(spark, emptyFolder().resolve("t").toString)
    table.commit(Arrays.asList(row("a", "1"), row("b", "2"), row("b", "3")), "run 1")
    assert(values(table) == Map("a" -> "1", "b" -> "3"))
    table.commit(Arrays.asList(row("a", "other"), row("c", "4")), "run 2")
    assert(values(table) == Map("a" -> "1", "b" -> "3", "c" -> "4"))
    assert(table.rows().count() == 3)
    table.commit(JList.of(), "run 3")
  }

  test("a later attempt replaces an error, and never a value") {
    val table = AnswerTable.open(spark, emptyFolder().resolve("t").toString)
    table.commit(Arrays.asList(row("a", null), row("b", "2")), "run")
    table.commit(Arrays.asList(row("a", "1", 2), row("b", "other", 2)), "run")
    assert(values(table) == Map("a" -> "1", "b" -> "2"))
    table.commit(Arrays.asList(row("a", null, 3)), "run")
    assert(values(table) == Map("a" -> "1", "b" -> "2"))
  }

  test("an identity left over from another write neither hides a commit nor is lost") {
    val table = AnswerTable.open(spark, emptyFolder().resolve("t").toString)
    val keys = Seq("spark.databricks.delta.write.txnAppId", "spark.databricks.delta.write.txnVersion")
    keys.zip(Seq("app", "1")).foreach { case (key, value) => spark.conf.set(key, value) }
    try {
      table.commit(Arrays.asList(row("a", "1")), "run")
      table.commit(Arrays.asList(row("b", "2")), "run")
      assert(values(table).keySet == Set("a", "b"))
      assert(keys.map(spark.conf.get(_)) == Seq("app", "1"))
    } finally keys.foreach(spark.conf.unset)
    assert(spark.conf.getOption("spark.databricks.delta.commitInfo.userMetadata").isEmpty)
  }

  test("two writers of one table lose and double nothing") {
    val path = emptyFolder().resolve("t").toString
    val tables = Seq.fill(2)(AnswerTable.open(spark, path))
    val threads = tables.zipWithIndex.map { case (table, i) =>
      new Thread(() =>
        (1 to 2).foreach(n => table.commit(Arrays.asList(row(s"$i-$n", "v"), row("shared", "v")), "run"))
      )
    }
    threads.foreach(_.start())
    threads.foreach(_.join())
    assert(
      tables.head.rows().collect().map(_.getAs[String]("content_hash")).sorted.toSeq ==
        Seq("0-1", "0-2", "1-1", "1-2", "shared")
    )
  }

  test("what is not a table of answers is refused with a sentence and left alone") {
    val other = emptyFolder().resolve("t").toString
    spark.range(1).selectExpr("id", "'x' value", "1 task").write.format("delta").save(other)
    val wrongTable = intercept[LongformException](AnswerTable.open(spark, other))
    assert(
      wrongTable.getMessage.contains(
        "the Delta table there is not a table of answers (without doc_id string, "
      )
    )
    assert(wrongTable.getMessage.contains("task string, ") && !wrongTable.getMessage.contains("value string"))
    val files = emptyFolder()
    Files.write(files.resolve("letter.txt"), Array[Byte](1))
    val directory = intercept[LongformException](AnswerTable.open(spark, files.toString))
    assert(
      directory.getMessage == s"Cannot write answers to '$files': there is something else than a Delta table " +
        "(a directory with files). Choose another --output."
    )
    val file = intercept[LongformException](AnswerTable.open(spark, files.resolve("letter.txt").toString))
    assert(file.getMessage.contains("(a file)"))
    assert(Files.list(files).iterator.asScala.toSeq.size == 1)
  }
}
