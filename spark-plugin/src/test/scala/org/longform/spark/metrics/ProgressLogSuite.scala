package org.longform.spark.metrics

import java.util.concurrent.ConcurrentLinkedQueue

import org.apache.logging.log4j.{Level, LogManager}
import org.apache.logging.log4j.core.{LogEvent, Logger}
import org.apache.logging.log4j.core.appender.AbstractAppender
import org.apache.logging.log4j.core.config.Property
import org.longform.spark.{LocalSession, SparkSuite}

import scala.collection.JavaConverters._

class ProgressLogSuite extends SparkSuite {
  private val SECOND = 1000000000L

  private def report(executor: String, values: (Total, Long)*): TotalsReport = {
    val all = new Array[Long](Total.values().length)
    values.foreach { case (total, value) => all(total.ordinal()) = value }
    new TotalsReport(executor, all)
  }

  test("a line says what was done so far and how fast since the last line; then silence") {
    val totals = new ApplicationTotals
    val log = new ProgressLog(totals, 0)
    assert(!log.line(SECOND).isPresent)
    totals.add(report("1", Total.TOKENS_READ -> 3000L, Total.KV_BYTES -> 10L))
    totals.add(report("2", Total.DOCUMENTS -> 2L, Total.FAILED_ROWS -> 1L, Total.TOKENS_READ -> 1000L))
    assert(
      log.line(3 * SECOND).get ==
        "2 documents read, 1 answers failed, 4,000 tokens read (2,000 tokens/s), 0 tokens written"
    )
    // a document that is read slowly is told all the same
    assert(log.line(4 * SECOND).get.contains("4,000 tokens read (0 tokens/s)"))
    totals.add(report("1", Total.DOCUMENTS -> 1L, Total.TOKENS_READ -> 3000L, Total.TOKENS_GENERATED -> 7L))
    assert(log.line(5 * SECOND).get.startsWith("3 documents read"))
    assert(!log.line(6 * SECOND).isPresent)
  }

  test("what a lost executor did stays counted, what it held does not") {
    val totals = new ApplicationTotals
    totals.add(report("1", Total.TOKENS_READ -> 5L, Total.KV_BYTES -> 10L, Total.PEAK_KV_BYTES -> 20L))
    totals.add(report("2", Total.TOKENS_READ -> 5L, Total.KV_BYTES -> 1L, Total.PEAK_KV_BYTES -> 30L))
    totals.onExecutorRemoved(
      org.apache.spark.scheduler.SparkListenerExecutorRemoved(0, "1", "lost")
    )
    assert(totals.of(Total.TOKENS_READ) == 10 && totals.of(Total.KV_BYTES) == 1)
    assert(totals.of(Total.PEAK_KV_BYTES) == 30)
  }

  test("the driver's log tells of a long document while it is read, and nothing afterwards") {
    val session = LocalSession.of(
      Map(
        "spark.plugins" -> "org.longform.spark.LongformPlugin",
        "spark.longform.progressInterval" -> "100ms"
      )
    )
    val lines = new ConcurrentLinkedQueue[String]
    val logger = LogManager.getLogger(classOf[ProgressLog]).asInstanceOf[Logger]
    val appender = new AbstractAppender("progress", null, null, true, Property.EMPTY_ARRAY) {
      override def append(event: LogEvent): Unit = lines.add(event.getMessage.getFormattedMessage)
    }
    appender.start()
    val level = logger.getLevel
    logger.addAppender(appender)
    logger.setLevel(Level.INFO)
    try {
      session
        .sql(
          "SELECT ai_perplexity(repeat('The data on growth are open. ', 20000), map('context', 'lm-infinite'))"
        )
        .collect()
      val tokens = lines.asScala.toSeq.map(_.split(" answers failed, ")(1).takeWhile(_ != ' '))
      assert(tokens.distinct.size >= 3, lines)
      Thread.sleep(1000)
      val told = lines.size
      Thread.sleep(1000)
      assert(lines.size == told)
    } finally {
      logger.removeAppender(appender)
      logger.setLevel(level)
    }
  }
}
