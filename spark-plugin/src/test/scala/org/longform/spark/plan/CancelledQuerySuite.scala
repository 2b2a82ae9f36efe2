package org.longform.spark.plan

import java.util.concurrent.TimeUnit

import org.apache.spark.sql.{DataFrame, Row}
import org.longform.runtime.LongformRuntime
import org.longform.spark.SparkSuite
import org.scalatest.BeforeAndAfterEach
import org.scalatest.concurrent.Eventually
import org.scalatest.time.{Millis, Seconds, Span}

import scala.concurrent.{Await, ExecutionContext, Future}
import scala.concurrent.duration.Duration

/** Queries over a document that takes long, stopped from outside. */
class CancelledQuerySuite extends SparkSuite with Eventually with BeforeAndAfterEach {
  import ExecutionContext.Implicits.global

  override protected def sparkConf: Map[String, String] =
    Map("spark.plugins" -> "org.longform.spark.LongformPlugin")

  override implicit def patienceConfig: PatienceConfig =
    PatienceConfig(timeout = Span(60, Seconds), interval = Span(20, Millis))

  /** A few chunks: what may still be read when a task is told to end. */
  private val CHUNKS = 4 * 512
  private var made = 0

  override def afterEach(): Unit = {
    spark.sparkContext.cancelAllJobs()
    eventually(assert(LongformRuntime.stats().kvBytes() == 0))
  }

  /** About a million tokens that no test has read before. */
  private def longText: String = {
    made += 1
    s"concat('Part $made. ', repeat('The data on root growth are open to all readers. ', int(100000 + id)))"
  }

  private def longQuery: DataFrame =
    spark.sql(s"SELECT ai_perplexity($longText, map('context', 'lm-infinite')) FROM range(0, 2, 1, 2)")

  private def tokens: Long = LongformRuntime.stats().tokensRead()

  /** Runs the query, stops it inside its documents, and checks that everything ends. */
  private def stopped(interrupt: Boolean, query: DataFrame = longQuery)(stop: => Unit): Throwable = {
    val context = spark.sparkContext
    val before = tokens
    val failed = LongformRuntime.stats().failedRows()
    val running = Future {
      context.setJobGroup("long", "reads long documents", interrupt)
      try query.collect()
      finally context.clearJobGroup()
    }
    eventually(assert(tokens > before + 2000))
    assert(LongformRuntime.stats().kvBytes() > 0)
    stop
    val atStop = tokens
    val failure = intercept[Exception](Await.result(running, Duration(60, TimeUnit.SECONDS)))
    eventually {
      assert(LongformRuntime.stats().kvBytes() == 0)
      assert(context.statusTracker.getExecutorInfos.map(_.numRunningTasks()).sum == 0)
    }
    val atEnd = tokens
    assert(atEnd - atStop <= 2 * CHUNKS)
    Thread.sleep(300)
    assert(tokens == atEnd)
    // what was stopped is no failed answer
    assert(LongformRuntime.stats().failedRows() == failed)
    failure
  }

  private def activeJob(): Int = spark.sparkContext.statusTracker.getActiveJobIds().head

  for (interrupt <- Seq(false, true)) {
    test(
      s"cancelJobGroup ends the reading within a few chunks and frees its memory (interrupt: $interrupt)"
    ) {
      val failure = stopped(interrupt)(spark.sparkContext.cancelJobGroup("long"))
      assert(failure.getMessage.contains("cancelled"))
    }

    test(s"so does the kill of a job, as the UI's link does it (interrupt: $interrupt)") {
      stopped(interrupt)(spark.sparkContext.cancelJob(activeJob(), "killed via the Web UI"))
    }
  }

  test("so does the kill of a stage") {
    stopped(interrupt = false) {
      spark.sparkContext.cancelStage(spark.sparkContext.statusTracker.getActiveStageIds().head)
    }
  }

  test("so it does for a call that is an ordinary expression") {
    val query = spark.sql(
      s"SELECT CASE WHEN id >= 0 THEN ai_perplexity($longText, map('context', 'lm-infinite')) END FROM range(0, 2, 1, 2)"
    )
    stopped(interrupt = true, query)(spark.sparkContext.cancelJobGroup("long"))
  }

  test("the next query answers as if nothing had been") {
    stopped(interrupt = true)(spark.sparkContext.cancelJobGroup("long"))
    val rows = spark.sql("SELECT ai_summarize_detail('Results: the next text is read.').error").collect()
    assert(rows.toSeq == Seq(Row(null)))
  }

  test("a row over its time is NULL with an error of its own, and the other rows are answered") {
    spark.conf.set("spark.longform.rowTimeout", "3s")
    try {
      val rows = spark
        .sql(
          s"SELECT id, ai_perplexity(text, o), ai_perplexity_detail(text, o) FROM (SELECT id, map('context', 'lm-infinite') o, if(id = 1, $longText, 'Short text ' || id) text FROM range(0, 3, 1, 1)) ORDER BY id"
        )
        .collect()
      assert(rows.map(_.isNullAt(1)).toSeq == Seq(false, true, false))
      val detail = rows(1).getStruct(2)
      assert(detail.getAs[String]("value") == null && detail.getAs[String]("finish_reason") == "error")
      val error = detail.getAs[Row]("error")
      assert(error.getString(0) == "ROW_TIMEOUT")
      assert(
        error
          .getString(1)
          .matches(
            "Cannot go on reading after [1-9]\\d+ tokens: the row took longer than row_timeout \\(3s\\)\\. Raise it, leave it out, or choose a context that reads faster\\."
          ),
        error
      )
      assert(LongformRuntime.stats().kvBytes() == 0)
    } finally spark.conf.unset("spark.longform.rowTimeout")
  }
}
