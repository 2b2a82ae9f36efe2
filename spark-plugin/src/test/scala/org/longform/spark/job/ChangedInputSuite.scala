package org.longform.spark.job

import io.delta.tables.DeltaTable
import org.scalatest.BeforeAndAfterEach

import java.nio.file.Path

/** A Delta table of articles that others write to, before and while a job reads it. */
class ChangedInputSuite extends JobFixture with BeforeAndAfterEach {
  override def beforeEach(): Unit = FakeReaders.reset()

  /** Articles in one file, so that a change of one moves all. */
  private def articles(number: Int): Path = {
    val path = emptyFolder().resolve("articles")
    val session = spark
    import session.implicits._
    (1 to number)
      .map(i => (s"a$i", s"text of article $i"))
      .toDF("doc_id", "text")
      .coalesce(1)
      .write
      .format("delta")
      .option("delta.enableChangeDataFeed", "true")
      .save(path.toString)
    path
  }

  private def change(articles: Path, id: String, text: String): Unit =
    DeltaTable
      .forPath(spark, articles.toString)
      .updateExpr(s"doc_id = '$id'", java.util.Map.of("text", s"'$text'"))

  test("after a change of the source, only the articles that its change data feed names are read") {
    val source = articles(6)
    val out = emptyFolder().resolve("answers")
    run(request(source.toString, out))
    assert(FakeReaders.readings.get == 6)
    change(source, "a2", "another text")
    change(source, "a5", "a better text")
    spark.sql(s"INSERT INTO delta.`$source` VALUES ('a7', 'a new article')")
    spark.sql(s"DELETE FROM delta.`$source` WHERE doc_id = 'a1'")
    FakeReaders.reset()
    run(request(source.toString, out))
    val changes = spark.read
      .format("delta")
      .option("readChangeFeed", "true")
      .option("startingVersion", 1)
      .load(source.toString)
      .filter("_change_type IN ('insert', 'update_postimage')")
    val named = changes.collect().map(_.getAs[String]("text")).toSet
    assert(named == Set("another text", "a better text", "a new article"))
    assert(FakeReaders.texts.toArray.toSet == named)
    run(request(source.toString, out))
    assert(FakeReaders.readings.get == 3)
  }

  test("a job reads the source as it was when the job began, whatever is written meanwhile") {
    val source = articles(4)
    val out = emptyFolder().resolve("answers")
    // when the first article is read, the file that holds them all is rewritten
    FakeReaders.onNext = Some { () =>
      // a task cannot use the session, another thread can
      val writer = new Thread(() => change(source, "a4", "too late for this job"))
      writer.start()
      writer.join()
    }
    val summary = run(request(source.toString, out, batch = 1))
    assert(summary.documentsLost == 0 && summary.rowsWithValue == 4)
    assert(!FakeReaders.texts.contains("too late for this job"))
    FakeReaders.reset()
    run(request(source.toString, out))
    assert(FakeReaders.texts.toArray.toSeq == Seq("too late for this job"))
  }

  test("a question that is added is a new row of each document, in the columns that are there") {
    val source = articles(2)
    val out = emptyFolder().resolve("answers")
    run(request(source.toString, out, org.longform.prompt.Task.ASK, Seq("one?")))
    val columns = rows(out).head.schema
    run(request(source.toString, out, org.longform.prompt.Task.ASK, Seq("one?", "two?")))
    assert(rows(out).map(_.getAs[String]("question")) == Seq("one?", "two?", "one?", "two?"))
    assert(rows(out).head.schema == columns)
    assert(FakeReaders.readings.get == 4)
  }
}
