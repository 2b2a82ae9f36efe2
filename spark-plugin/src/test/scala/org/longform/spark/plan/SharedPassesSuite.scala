package org.longform.spark.plan

import org.longform.options.Options
import org.longform.runtime.LongformRuntime
import org.longform.spark.SparkSuite

/** Tasks of one executor write their answers in passes that they share. */
class SharedPassesSuite extends SparkSuite {
  override protected def sparkConf: Map[String, String] =
    Map("spark.plugins" -> "org.longform.spark.LongformPlugin")

  private val Rows = 24
  private val AnswerTokens = 40

  /** @param rowsByPass
    *   tokens of answers that a pass read on average
    */
  private case class Written(answers: Seq[String], rowsByPass: Double)

  /** What is written for the rows, so many tasks at once. The timeout keeps the runs' answers apart where
    * those of the last rows are remembered.
    */
  private def write(tasks: Int, timeout: String, context: String): Written = {
    import spark.implicits._
    (0 until Rows)
      .map(i => (i, s"Results\nThe sample size of the Veldra cohort was ${2000 + 7 * i}. " * (1 + i % 3)))
      .toDF("id", "text")
      .repartitionByRange(tasks, $"id")
      .createOrReplaceTempView("prompts")
    val batcher = LongformRuntime.model(Options.defaults()).decoder().batcher()
    assume(batcher.limit() > 1, "this device computes no two rows alike")
    val (passes, tokens, documents) =
      (batcher.passes(), batcher.tokens(), LongformRuntime.stats().documents())
    val options = s"map('max_new_tokens', '$AnswerTokens', 'row_timeout', '$timeout', 'context', '$context')"
    val frame = spark.sql(s"SELECT id, ai_gen(text, $options) FROM prompts")
    assert(frame.rdd.getNumPartitions == tasks)
    val answers = frame.collect().sortBy(_.getInt(0)).map(_.getString(1)).toSeq
    assert(LongformRuntime.stats().documents() - documents == Rows)
    Written(answers, (batcher.tokens() - tokens).toDouble / (batcher.passes() - passes))
  }

  for (context <- Seq("full", "lm-infinite", "reattention"))
    test(s"tasks that run at once share passes and write what one after the other writes ($context)") {
      val alone = write(1, "1h", context)
      assert(alone.rowsByPass == 1)
      assert(alone.answers.distinct.size > 1)
      val together = write(2, "2h", context)
      assert(together.answers == alone.answers)
      // some are shared, however busy the machine is, and never by more than there are tasks
      assert(together.rowsByPass > 1 && together.rowsByPass <= 2, together.rowsByPass.toString)
    }
}
