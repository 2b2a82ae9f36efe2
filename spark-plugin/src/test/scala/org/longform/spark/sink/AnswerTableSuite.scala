package org.longform.spark.sink

import io.delta.exceptions.ConcurrentAppendException
import io.delta.tables.DeltaTable
import org.apache.spark.sql.Row
import org.apache.spark.sql.functions.lit
import org.apache.spark.sql.types.StructType
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.prompt.Task
import org.longform.read.{Answer, AnswerError, RowTally}
import org.longform.spark.{LocalSession, ReadOnlyFileSystem, SparkSuite}

import java.nio.file.Files
import java.time.Instant
import java.util.{Arrays, List => JList, Map => JMap}
import scala.collection.JavaConverters._

class AnswerTableSuite extends SparkSuite {
  override protected def sparkConf: Map[String, String] =
    LocalSession.Interpreted + ReadOnlyFileSystem.Setting

  private def row(content: String, value: String, attempt: Int = 1): Row = {
    val error =
      if (value == null) new AnswerError(ErrorClass.INTERNAL, "Cannot read it: no reason. Try again.")
      else null
    new AnswerRow(
      new AnswerRow.Key(content, "config", Task.ASK, "what?"),
      "doc " + content,
      new Answer(
        value,
        error,
        "stop",
        1,
        2,
        3,
        false,
        "full",
        "m",
        "r",
        4,
        5,
        JList.of(),
        RowTally.NONE,
        JMap.of()
      ),
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

  test("who loses a race writes again; if others are always faster there is a sentence") {
    var writes = 0
    Conflicts.retry(
      "write",
      () => {
        writes += 1
        if (writes < 4) throw new ConcurrentAppendException("another writer")
      }
    )
    assert(writes == 4)
    val error = intercept[LongformException](
      Conflicts.retry("write 2 answers to 'x'", () => throw new ConcurrentAppendException("another writer"))
    )
    assert(
      error.getMessage == "Cannot write 2 answers to 'x': other jobs changed the table 10 times in between. " +
        "Run the job again; finished rows are kept."
    )
  }

  test("columns that a table of an earlier version lacks are added, its rows and other columns stay") {
    val path = emptyFolder().resolve("t").toString
    val earlier = AnswerColumns.TABLE.fields.filterNot(f => Set("evidence", "seed").contains(f.name))
    DeltaTable
      .createIfNotExists(spark)
      .location(path)
      .addColumns(new StructType(earlier))
      .addColumn("reviewed_by", "STRING")
      .property("longform.answers.version", "1")
      .execute()
    spark
      .createDataFrame(Arrays.asList(row("old", "1")), AnswerColumns.TABLE)
      .drop("evidence", "seed")
      .withColumn("reviewed_by", lit("me"))
      .write
      .format("delta")
      .mode("append")
      .save(path)
    val table = AnswerTable.open(spark, path)
    table.commit(Arrays.asList(row("new", "2")), "run")
    assert(values(table) == Map("old" -> "1", "new" -> "2"))
    val seeds = table.rows().collect().map(r => (r.getAs[Any]("seed"), r.getAs[String]("reviewed_by"))).toSet
    assert(seeds == Set[(Any, String)]((null, "me"), (4L, null)))
    AnswerTable.open(spark, path)
    assert(DeltaTable.forPath(spark, path).history().count() == 4, "what is complete is not changed again")
  }

  test("VACUUM takes neither answers nor the files of a job that runs") {
    val path = emptyFolder().resolve("t")
    val table = AnswerTable.open(spark, path.toString)
    table.commit(Arrays.asList(row("a", "1"), row("b", null)), "run")
    table.commit(Arrays.asList(row("b", "2", 2)), "run")
    val own = Files.createDirectories(path.resolve("_longform/ask/begun")).resolve("mark")
    Files.write(own, Array[Byte](1))
    val parts = () => Files.list(path).iterator.asScala.count(_.toString.endsWith(".parquet"))
    val before = parts()
    spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    try DeltaTable.forPath(spark, path.toString).vacuum(0)
    finally spark.conf.unset("spark.databricks.delta.retentionDurationCheck.enabled")
    assert(parts() < before, "nothing was there to be vacuumed")
    assert(Files.exists(own))
    table.commit(Arrays.asList(row("c", "3"), row("a", "other")), "run")
    assert(values(table) == Map("a" -> "1", "b" -> "2", "c" -> "3"))
  }

  test("a table that cannot be written is told with a sentence and stays as it was") {
    val folder = emptyFolder()
    val none = intercept[LongformException](
      AnswerTable.open(spark, ReadOnlyFileSystem.of(folder.resolve("none")))
    )
    assert(none.errorClass == ErrorClass.INVALID_INPUT)
    assert(
      none.getMessage.startsWith(
        s"Cannot write answers to 'readonly:${folder.resolve("none")}': the table cannot be "
      )
    )
    assert(none.getMessage.endsWith(". Make the directory writable or choose another --output."))
    AnswerTable.open(spark, folder.resolve("t").toString).commit(Arrays.asList(row("a", "1")), "run")
    val table = AnswerTable.open(spark, ReadOnlyFileSystem.of(folder.resolve("t")))
    val full = intercept[LongformException](table.commit(Arrays.asList(row("b", "2")), "run"))
    assert(
      full.getMessage.matches(
        "Cannot write 1 answers to 'readonly:.*/t': AccessControlException: Permission denied: .*. Nothing of them " +
          "was written. Make the table writable and run the job again; finished rows are kept."
      )
    )
    assert(values(table) == Map("a" -> "1"))
  }
}
