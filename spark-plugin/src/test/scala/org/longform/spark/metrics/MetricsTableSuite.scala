package org.longform.spark.metrics

import org.longform.kernels.error.LongformException
import org.longform.spark.{LocalSession, LongformExtensions, SparkSuite}

/** `ai_metrics()` in an application with the plugin. */
class MetricsTableSuite extends SparkSuite {
  private val Plugin = Map("spark.plugins" -> "org.longform.spark.LongformPlugin")

  override protected def sparkConf: Map[String, String] = Plugin

  private def totals(): Map[String, Long] =
    spark
      .sql("SELECT metric, value FROM ai_metrics()")
      .collect()
      .map(r => r.getString(0) -> r.getLong(1))
      .toMap

  test("the table has every total with its unit and what it means") {
    val rows = spark.sql("SELECT * FROM ai_metrics()")
    assert(rows.columns.toSeq == Seq("metric", "value", "unit", "description"))
    assert(rows.collect().map(_.getString(0)).toSeq == Total.values().map(_.id()).toSeq)
    assert(rows.collect().forall(row => row.getString(2).nonEmpty && row.getString(3).endsWith(".")))
  }

  test("the totals grow by what a query did, in the operator or not") {
    val before = totals()
    val text = "'Results: the sample size of the Veldra cohort was 77. '"
    spark
      .sql(
        s"SELECT ai_summarize($text || id), CASE WHEN id = 1 THEN ai_summarize($text || id || ' again') END, ai_summarize('') FROM range(3)"
      )
      .collect()
    val after = totals()
    def grown(name: String): Long = after(name) - before(name)
    assert(grown("documents") == 4 && grown("failedRows") == 3)
    assert(grown("tokensRead") > 40 && grown("tokensGenerated") >= 4 && grown("tokensAttended") > 0)
    assert(grown("prefillTime") > 0 && grown("decodeTime") > 0)
    assert(after("modelLoads") <= 1 && after("kvBytes") == 0 && after("peakKvBytes") > 0)
  }

  test("an answer that was known already is counted as reused") {
    val query = "SELECT ai_summarize('Results: reuse of this text. ' || id) FROM range(1)"
    spark.sql(query).collect()
    val before = totals()
    spark.sql(query).collect()
    assert(totals()("answersReused") == before("answersReused") + 1)
    assert(totals()("documents") == before("documents"))
  }

  test("it can be joined, filtered and kept as a view, which is as new as the query") {
    spark.sql("CREATE OR REPLACE TEMP VIEW totals AS SELECT * FROM ai_metrics() WHERE unit = 'documents'")
    val before = spark.table("totals").head().getLong(1)
    spark.sql("SELECT ai_summarize('Results: a text for the view.')").collect()
    assert(spark.table("totals").head().getLong(1) == before + 1)
  }

  test("arguments are refused") {
    val message = intercept[LongformException](spark.sql("SELECT * FROM ai_metrics(1)")).getMessage
    assert(message.startsWith("Cannot call ai_metrics with 1 arguments: it takes none."))
  }

  test("another application of this process counts from zero, and its prefix names the function") {
    val session = LocalSession.of(Plugin + ("spark.longform.sql.prefix" -> "doc_"))
    val rows = session.sql("SELECT value FROM doc_metrics() WHERE metric = 'documents'").collect()
    assert(rows.map(_.getLong(0)).toSeq == Seq(0L))
  }

  test("without the plugin the sentence says what is missing") {
    val session = LocalSession.of(Map("spark.sql.extensions" -> classOf[LongformExtensions].getName))
    val failure = intercept[LongformException](session.sql("SELECT * FROM ai_metrics()").collect())
    assert(failure.getMessage.startsWith("Cannot tell the totals of the application"))
    assert(failure.getMessage.contains("spark.plugins=org.longform.spark.LongformPlugin"))
  }
}
