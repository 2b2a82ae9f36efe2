package org.longform.spark.plan

import org.apache.spark.sql.DataFrame
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanHelper
import org.longform.runtime.LongformRuntime
import org.longform.spark.SparkSuite

/** Calls in a query, planned as an operator. The bundled model answers. */
class ReadDocumentsSuite extends SparkSuite with AdaptiveSparkPlanHelper {
  override protected def sparkConf: Map[String, String] =
    Map("spark.plugins" -> "org.longform.spark.LongformPlugin")

  private val SIZE = "'What was the sample size of the Veldra cohort?'"
  private val AGE = "'What was the median age of the Kelmos cohort?'"
  private var made = 0

  /** A view of `count` documents that no test has read before; sizes are 1000, 1001, … */
  private def documents(count: Int): String = {
    import spark.implicits._
    made += 1
    val name = s"documents_$made"
    (0 until count)
      .map { i =>
        val text = s"Results\nThe median age of the Kelmos cohort was ${20 + i}.5 years. " +
          s"The sample size of the Veldra cohort was ${1000 + i}. This is text $i of part $made."
        (i, text)
      }
      .toDF("id", "text")
      .repartition(2)
      .createOrReplaceTempView(name)
    name
  }

  private def size(i: Int): String = s"The sample size of the Veldra cohort was ${1000 + i}."

  private def age(i: Int): String = s"The median age of the Kelmos cohort was ${20 + i}.5 years."

  /** The result, and how many documents were read for it. */
  private def reads[A](run: => A): (A, Long) = {
    val before = LongformRuntime.stats().documents()
    val result = run
    (result, LongformRuntime.stats().documents() - before)
  }

  private def operators(frame: DataFrame): Seq[ReadDocumentsExec] =
    collect(frame.queryExecution.executedPlan: SparkPlan) { case reading: ReadDocumentsExec => reading }

  test("an argument may be random") {
    val view = documents(2)
    val drawn = s"CASE WHEN rand() < 2 THEN $SIZE ELSE $AGE END"
    val rows = spark.sql(s"SELECT id, ai_ask(text, $drawn) FROM $view").collect().sortBy(_.getInt(0))
    assert(rows.map(_.getString(1)).toSeq == (0 until 2).map(size))
  }

  test("all calls of a row that name one document share one reading") {
    val view = documents(3)
    val frame = spark.sql(
      s"SELECT id, ai_ask(text, $SIZE) a, ai_ask(text, $AGE) b, ai_ask_detail(text, $SIZE) c, ai_summarize(text) d FROM $view"
    )
    val (rows, read) = reads(frame.collect().sortBy(_.getInt(0)))
    assert(read == 3)
    assert(rows.map(_.getString(1)).toSeq == (0 until 3).map(size))
    assert(rows.map(_.getString(2)).toSeq == (0 until 3).map(age))
    assert(rows.map(_.getStruct(3).getString(0)).toSeq == (0 until 3).map(size))
    assert(rows.forall(!_.isNullAt(4)))
    assert(operators(frame).size == 1)
  }

  test("calls that differ in what is read have readings of their own, and answer as they do alone") {
    val view = documents(2)
    val (together, read) = reads(
      spark
        .sql(
          s"SELECT id, ai_ask(text, $SIZE), ai_ask(text, $SIZE, map('context', 'streaming')), ai_perplexity(text) FROM $view"
        )
        .collect()
        .sortBy(_.getInt(0))
    )
    assert(read == 6)
    val copy = view.replace("documents", "copies")
    spark.table(view).createOrReplaceTempView(copy)
    val alone = Seq(s"ai_ask(text, $SIZE)", s"ai_perplexity(text)").map { call =>
      spark.sql(s"SELECT id, $call FROM $copy").collect().sortBy(_.getInt(0)).map(_.get(1)).toSeq
    }
    assert(together.map(_.get(1)).toSeq == alone.head)
    assert(together.map(_.get(3)).toSeq == alone(1))
  }

  test("a call in WHERE and in SELECT is evaluated once") {
    val view = documents(3)
    val frame = spark.sql(s"SELECT ai_ask(text, $SIZE) FROM $view WHERE ai_ask(text, $SIZE) LIKE '%1001.'")
    val (rows, read) = reads(frame.collect())
    assert(rows.map(_.getString(0)).toSeq == Seq(size(1)))
    assert(read == 3 && operators(frame).size == 1)
  }

  test("evidence is found only where a detail form may show it") {
    val view = documents(2)
    val score = s"ai_ask_detail(text, $SIZE).evidence[0].score"
    // whoever asked for values has found no evidence for the detail form to share
    val (values, first) = reads(spark.sql(s"SELECT id, ai_ask(text, $SIZE) FROM $view").collect())
    assert(values.map(_.getString(1)).toSet == (0 until 2).map(size).toSet && first == 2)
    val (details, second) =
      reads(spark.sql(s"SELECT id, $score FROM $view").collect().sortBy(_.getInt(0)))
    assert(second == 2 && details.forall(_.getDouble(1) > 0))
    // but values are taken from what the detail form found
    assert(reads(spark.sql(s"SELECT ai_ask(text, $SIZE) FROM $view").collect())._2 == 0)
    // and where a query has both, the one below finds evidence for the one above
    val both = documents(2)
    val (found, read) = reads(
      spark.sql(s"SELECT id, $score FROM $both WHERE ai_ask(text, $SIZE) LIKE '%10__.'").collect()
    )
    assert(found.length == 2 && found.forall(_.getDouble(1) > 0) && read == 2)
  }

  test("a filter, a label and an extraction are planned as the operator and share the reading") {
    val view = documents(3)
    val frame = spark.sql(
      s"SELECT id, ai_classify(text, array('cohort', 'trial')), ai_extract(text, array('sample size')), ai_ask(text, $SIZE) " +
        s"FROM $view WHERE ai_filter(text, 'It is about a cohort') IS NOT NULL AND id > 0"
    )
    val (rows, read) = reads(frame.collect().sortBy(_.getInt(0)))
    assert(read <= 4 && rows.map(_.getInt(0)).toSeq == Seq(1, 2))
    assert(rows.forall(row => Set("cohort", "trial").contains(row.getString(1))))
    assert(rows.forall(row => !row.isNullAt(2)) && rows.map(_.getString(3)).toSeq == Seq(1, 2).map(size))
    assert(operators(frame).nonEmpty)
    val plan =
      spark.sql(s"EXPLAIN SELECT ai_filter(text, 'x'), ai_extract(text, array('a')) FROM $view").head()
    assert(plan.getString(0).contains("ReadDocuments"))
    assert(plan.getString(0).contains("ai_filter(") && plan.getString(0).contains("ai_extract("))
  }

  test("conditions on cheap columns come first") {
    val view = documents(4)
    val frame = spark.sql(s"SELECT id FROM $view WHERE ai_ask(text, $SIZE) LIKE '%100_.' AND id >= 3")
    val (rows, read) = reads(frame.collect())
    assert(rows.map(_.getInt(0)).toSeq == Seq(3) && read == 1)
  }

  test("what a branch does not need is not read") {
    val view = documents(3)
    val (rows, read) = reads(
      spark
        .sql(
          s"SELECT id, CASE WHEN id = 1 THEN ai_ask(text, $SIZE) ELSE 'no' END FROM $view WHERE id = 0 OR id = 1 OR ai_ask(text, $AGE) = ''"
        )
        .collect()
        .sortBy(_.getInt(0))
    )
    assert(rows.map(_.getString(1)).toSeq == Seq("no", size(1)))
    // document 1 in the branch, document 2 in the condition
    assert(read == 2)
  }

  for (adaptive <- Seq(true, false)) {
    test(s"what is sorted by an answer is read once (adaptive execution: $adaptive)") {
      spark.conf.set("spark.sql.adaptive.enabled", adaptive)
      try {
        val view = documents(5)
        val (rows, read) = reads(
          spark.sql(s"SELECT id, ai_ask(text, $SIZE) AS answer FROM $view ORDER BY answer DESC").collect()
        )
        assert(rows.map(_.getInt(0)).toSeq == Seq(4, 3, 2, 1, 0))
        assert(read == 5)
      } finally spark.conf.unset("spark.sql.adaptive.enabled")
    }
  }

  test("answers can be grouped by and counted") {
    val view = documents(4)
    val (rows, read) = reads(
      spark
        .sql(
          s"SELECT right(ai_ask(text, $SIZE), 2) AS a, count(DISTINCT ai_ask(text, $SIZE)) FROM $view GROUP BY right(ai_ask(text, $SIZE), 2) ORDER BY a"
        )
        .collect()
    )
    assert(rows.map(r => (r.getString(0), r.getLong(1))).toSeq == (0 until 4).map(i => (s"$i.", 1L)))
    assert(read == 4)
  }

  test("an answer can be a document, and so can what a group was joined to") {
    val view = documents(1)
    val nested = spark.sql(s"SELECT ai_ask(ai_ask(text, $SIZE), $SIZE) FROM $view")
    val (rows, read) = reads(nested.collect())
    assert(rows.map(_.getString(0)).toSeq == Seq(size(0)) && read == 2)
    assert(operators(nested).size == 2)
    val grouped = spark.sql(s"SELECT ai_ask(concat_ws(' ', collect_list(text)), $AGE) FROM $view")
    assert(grouped.collect().map(_.getString(0)).toSeq == Seq(age(0)))
    assert(operators(grouped).size == 1)
  }

  test("a table of local values is read by the operator, not by the driver while it plans") {
    import spark.implicits._
    val frame = Seq("Results: local values are read in a task.").toDF("text").selectExpr("ai_summarize(text)")
    val (planned, read) = reads(frame.queryExecution.executedPlan)
    assert(read == 0 && operators(frame).size == 1)
    assert(!frame.head().isNullAt(0))
  }

  test("a call over an aggregate is read by the operator, once for each group") {
    val view = documents(4)
    val frame = spark.sql(
      s"SELECT id % 2 AS half, ai_ask(max(text), $SIZE) || count(*) AS a, ai_ask_detail(max(text), $SIZE).value AS b, count(*) FROM $view GROUP BY id % 2 ORDER BY half"
    )
    val (rows, read) = reads(frame.collect())
    assert(
      rows.map(row => (row.getInt(0), row.getString(1), row.getString(2), row.getLong(3))).toSeq ==
        Seq((0, size(2) + "2", size(2), 2L), (1, size(3) + "2", size(3), 2L))
    )
    assert(read == 2 && operators(frame).size == 1)
    val having = spark.sql(
      s"SELECT max(id) FROM $view GROUP BY id % 2 HAVING ai_ask(max(text), $SIZE) LIKE '%1003.'"
    )
    assert(having.collect().map(_.getInt(0)).toSeq == Seq(3))
  }

  for (adaptive <- Seq(true, false)) {
    test(
      s"joins, unions, distinct rows, subqueries and caches read each row once (adaptive execution: $adaptive)"
    ) {
      spark.conf.set("spark.sql.adaptive.enabled", adaptive)
      try {
        val view = documents(3)
        val answers = s"(SELECT id, ai_ask(text, $SIZE) AS answer FROM $view)"
        def sizes(query: String): (Seq[String], Long) = {
          val (rows, read) = reads(spark.sql(query).collect())
          (rows.map(_.getString(0)).toSeq.sorted, read)
        }
        val all = (0 until 3).map(size)
        assert(sizes(s"SELECT a.answer FROM $answers a JOIN range(3) b ON a.id = b.id") == ((all, 3L)))
        val fresh = documents(3)
        assert(sizes(s"SELECT DISTINCT ai_ask(text, $SIZE) FROM $fresh") == ((all, 3L)))
        val other = documents(3)
        assert(
          sizes(
            s"SELECT ai_ask(text, $SIZE) FROM $other WHERE id IN (SELECT id FROM $other WHERE ai_ask(text, $SIZE) LIKE '%1002.')"
          )._1 == Seq(size(2))
        )
        val cached = documents(3)
        spark.sql(s"CACHE TABLE kept_$made AS SELECT id, ai_ask(text, $SIZE) AS answer FROM $cached")
        val again =
          sizes(s"SELECT answer FROM kept_$made WHERE id > 0 UNION ALL SELECT answer FROM kept_$made")
        assert(again == (((all.tail ++ all).sorted, 0L)))
        spark.sql(s"UNCACHE TABLE kept_$made")
      } finally spark.conf.unset("spark.sql.adaptive.enabled")
    }
  }

  test("a join condition, a view, a new table and a MERGE take calls") {
    val view = documents(2)
    val joined = spark.sql(
      s"SELECT a.id FROM $view a JOIN $view b ON a.id = b.id AND ai_ask(a.text, $SIZE) LIKE '%1001.' || substr(b.text, 1, 0)"
    )
    assert(joined.collect().map(_.getInt(0)).toSeq == Seq(1))
    assert(operators(joined).size == 1)
    val outer = spark.sql(
      s"SELECT a.id, b.id FROM $view a LEFT JOIN $view b ON a.id = b.id AND ai_ask(a.text || '' || substr(b.text, 1, 0), $SIZE) LIKE '%1001.' ORDER BY a.id"
    )
    assert(outer.collect().map(row => Option(row.get(1))).toSeq == Seq(None, Some(1)))
    spark.sql(
      s"CREATE OR REPLACE TEMP VIEW answered_$made AS SELECT id, ai_ask(text, $AGE) AS answer FROM $view"
    )
    assert(
      spark.sql(s"SELECT answer FROM answered_$made ORDER BY id").collect().map(_.getString(0)).toSeq ==
        Seq(age(0), age(1))
    )
    val table = s"delta.`${emptyFolder().resolve("answers")}`"
    val fresh = documents(2)
    val (_, created) = reads(
      spark.sql(
        s"CREATE TABLE $table USING delta AS SELECT id, ai_ask(text, $SIZE) AS answer FROM $fresh WHERE id = 0"
      )
    )
    assert(created == 1)
    spark.sql(
      s"MERGE INTO $table t USING (SELECT id, ai_ask(text, $SIZE) AS answer FROM $fresh) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT *"
    )
    assert(
      spark.sql(s"SELECT answer FROM $table ORDER BY id").collect().map(_.getString(0)).toSeq ==
        Seq(size(0), size(1))
    )
  }

  test("EXPLAIN says how documents will be read") {
    val view = documents(1)
    val frame = spark.sql(s"SELECT ai_ask(text, $SIZE) FROM $view")
    val text =
      frame.queryExecution.explainString(org.apache.spark.sql.execution.ExplainMode.fromString("formatted"))
    assert(text.contains("ReadDocuments"))
    assert(
      text.matches(
        "(?s).*Reading: context \\S+, model longform-tiny, device \\S+, KV [0-9,]+ bytes a token.*"
      ),
      text
    )
  }

  test("other sessions, the printer of spark-sql and a server's row by row fetching use the operator too") {
    val view = documents(2)
    spark.sql(s"CREATE TABLE kept_rows_$made USING parquet AS SELECT * FROM $view")
    val session = spark.newSession()
    val query = s"SELECT ai_ask(text, $SIZE) FROM kept_rows_$made ORDER BY id"
    val frame = session.sql(query)
    val (lines, read) = reads(
      org.apache.spark.sql.execution.HiveResult.hiveResultString(frame.queryExecution.executedPlan)
    )
    assert(lines == Seq(size(0), size(1)) && read == 2)
    assert(operators(frame).size == 1)
    import scala.collection.JavaConverters._
    val fetched = session.sql(query).toLocalIterator().asScala.map(_.getString(0)).toSeq
    assert(fetched == Seq(size(0), size(1)))
    spark.sql(s"DROP TABLE kept_rows_$made")
  }

  private def explained(query: String): String =
    spark
      .sql(query)
      .queryExecution
      .explainString(org.apache.spark.sql.execution.ExplainMode.fromString("formatted"))

  test("EXPLAIN tells the memory a document needs with the options of the call") {
    val view = documents(1)
    val bounded =
      explained(s"SELECT ai_ask(text, $SIZE, map('context', 'streaming', 'local_size', '100')) FROM $view")
    val need =
      "context streaming\\{local-size=100}, .*, KV ([0-9,]+) bytes a token, at most ([0-9,]+) tokens \\(([0-9,]+) bytes\\) of a document".r
    val Seq(bytes, tokens, all) =
      need.findFirstMatchIn(bounded).getOrElse(fail(bounded)).subgroups.map(_.replace(",", "").toLong)
    assert(tokens > 100 && tokens < 100 + 1000 && all == bytes * tokens)
    assert(
      explained(s"SELECT ai_ask(text, $SIZE) FROM $view").contains("bytes a token, grows with the document")
    )
    val byRow = explained(s"SELECT ai_ask(text, $SIZE, map('seed', string(id))) FROM $view")
    assert(byRow.contains("but for the options of each row"))
    val limited =
      explained(s"SELECT ai_ask(text, $SIZE, map('max_tokens', '9', 'max_input_tokens', '99')) FROM $view")
    assert(limited.contains(", max_input_tokens 99, max_new_tokens 9"), limited)
    val wrong = explained(s"SELECT ai_ask(text, $SIZE, map('contxt', 'streaming')) FROM $view")
    assert(wrong.contains("Reading: fails: Cannot use option 'contxt'"))
  }

  test("EXPLAIN says why a call is no operator") {
    val view = documents(1)
    val cases = Seq(
      s"SELECT CASE WHEN id = 1 THEN ai_ask(text, $SIZE) END FROM $view" -> "in a branch of CASE or IF",
      s"SELECT coalesce(nullif(text, ''), ai_ask(text, $SIZE)) FROM $view" -> "in a branch of coalesce",
      s"SELECT id FROM $view WHERE id = 0 OR ai_ask(text, $SIZE) = ''" -> "behind OR",
      s"SELECT transform(array(text), t -> ai_ask(t, $SIZE)) FROM $view" -> "in a lambda function",
      s"SELECT a.id FROM $view a LEFT JOIN $view b ON a.id = b.id AND ai_ask(concat(a.text, b.text), $SIZE) = ''" -> "in a join condition"
    )
    for ((query, reason) <- cases) assert(explained(query).contains(s"[no operator: $reason]"), query)
    assert(!explained(s"SELECT ai_ask(text, $SIZE) FROM $view").contains("no operator"))
  }

  test("the operator's metrics tell what happened") {
    val view = documents(3)
    val frame = spark.sql(
      s"SELECT ai_ask(text, $SIZE), ai_ask(CASE WHEN id = 0 THEN '' ELSE text END, $AGE) FROM $view"
    )
    frame.collect()
    val metrics = operators(frame).head.metrics.map { case (name, metric) => name -> metric.value }
    assert(metrics(ReadingMetrics.ROWS) == 3)
    // the empty text is a document of its own that cannot be read
    assert(metrics(ReadingMetrics.DOCUMENTS) == 3 && metrics(ReadingMetrics.FAILED) == 1)
    assert(metrics(ReadingMetrics.TOKENS_READ) > 100 && metrics(ReadingMetrics.TOKENS_GENERATED) > 20)
    assert(metrics(ReadingMetrics.TOKENS_ATTENDED) > 0 && metrics(ReadingMetrics.PEAK_KV) > 0)
    assert(metrics(ReadingMetrics.PREFILL) > 0 && metrics(ReadingMetrics.DECODE) > 0)
  }
}
