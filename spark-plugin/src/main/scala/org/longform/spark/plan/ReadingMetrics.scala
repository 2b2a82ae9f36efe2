package org.longform.spark.plan

import org.apache.spark.{SparkContext, TaskContext}
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.longform.sql.TaskListener

/** What the SQL tab of Spark's UI shows of a [[ReadDocumentsExec]]. Running tasks report with every
  * heartbeat, so the numbers advance while a long document is read.
  */
object ReadingMetrics {
  val ROWS = "numOutputRows"
  val DOCUMENTS = "documents"
  val FAILED = "failedAnswers"
  val REUSED = "reusedAnswers"
  val TOKENS_READ = "tokensRead"
  val TOKENS_GENERATED = "tokensGenerated"
  val TOKENS_ATTENDED = "tokensAttended"
  val PEAK_KV = "peakKvBytes"
  val MODEL_LOAD = "modelLoadTime"
  val PREFILL = "prefillTime"
  val DECODE = "decodeTime"

  def create(context: SparkContext): Map[String, SQLMetric] = Map(
    ROWS -> SQLMetrics.createMetric(context, "number of output rows"),
    DOCUMENTS -> SQLMetrics.createMetric(context, "documents read"),
    FAILED -> SQLMetrics.createMetric(context, "answers with an error"),
    REUSED -> SQLMetrics.createMetric(context, "answers reused"),
    TOKENS_READ -> SQLMetrics.createMetric(context, "tokens read"),
    TOKENS_GENERATED -> SQLMetrics.createMetric(context, "tokens generated"),
    TOKENS_ATTENDED -> SQLMetrics.createMetric(context, "tokens attended"),
    PEAK_KV -> SQLMetrics.createSizeMetric(context, "peak KV cache"),
    MODEL_LOAD -> SQLMetrics.createNanoTimingMetric(context, "waiting for the model"),
    PREFILL -> SQLMetrics.createNanoTimingMetric(context, "time reading"),
    DECODE -> SQLMetrics.createNanoTimingMetric(context, "time writing")
  )
}

/** Passes what a reading tells on to the metrics of its operator. */
final class MetricsListener(task: TaskContext, metrics: Map[String, SQLMetric]) extends TaskListener(task) {
  import ReadingMetrics._

  private val tokensReadMetric = metrics(TOKENS_READ)
  private val tokensGeneratedMetric = metrics(TOKENS_GENERATED)
  private val tokensAttendedMetric = metrics(TOKENS_ATTENDED)
  private val peakKv = metrics(PEAK_KV)
  private val prefill = metrics(PREFILL)
  private val decode = metrics(DECODE)

  override def tokensRead(tokens: Long): Unit = tokensReadMetric += tokens

  override def tokensGenerated(tokens: Long): Unit = tokensGeneratedMetric += tokens

  override def modelReady(nanos: Long): Unit = metrics(MODEL_LOAD) += nanos

  override def prefilled(nanos: Long): Unit = prefill += nanos

  override def decoded(nanos: Long): Unit = decode += nanos

  override def tokensAttended(tokens: Long): Unit = tokensAttendedMetric += tokens

  override def kvHeld(bytes: Long): Unit = if (bytes > peakKv.value) peakKv.set(bytes)

  override def documentRead(): Unit = metrics(DOCUMENTS) += 1

  override def answerFailed(): Unit = metrics(FAILED) += 1

  override def answersReused(count: Int): Unit = {
    super.answersReused(count)
    metrics(REUSED) += count.toLong
  }
}
