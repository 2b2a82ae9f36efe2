package org.longform.spark.plan

import org.apache.spark.sql.{DataFrame, Row}
import org.apache.spark.sql.execution.{ExplainMode, SparkPlan}
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanHelper
import org.longform.kernels.error.LongformException
import org.longform.runtime.LongformRuntime
import org.longform.spark.SparkSuite
import org.longform.sql.{AnswerSchema, SqlFunctions}

import scala.collection.JavaConverters._

/** Aggregates in a query: the rows of a group are one document. The bundled model answers. */
class ReadGroupsSuite extends SparkSuite with AdaptiveSparkPlanHelper {
  override protected def sparkConf: Map[String, String] =
    Map("spark.plugins" -> "org.longform.spark.LongformPlugin")

  private val SIZE = "'What was the sample size of the Veldra cohort?'"
  private val AGE = "'What was the median age of the Kelmos cohort?'"
  private val NAME = "'What was the code name of the Kelmos cohort?'"

  private def age(k: Int): String = s"The median age of the Kelmos cohort was ${20 + k}.5 years."
  private def size(k: Int): String = s"The sample size of the Veldra cohort was ${3000 + k}."
  private def name(k: Int): String = s"The code name of the Kelmos cohort was amber falcon."

  /** Groups 0, 1, … of three rows each; the rows lie in `partitions`, in no order. */
  private def groups(count: Int, partitions: Int = 2): String = {
    import spark.implicits._
    val rows = (0 until count).flatMap(k => Seq((k, 3, name(k)), (k, 1, age(k)), (k, 2, size(k))))
    rows.toDF("k", "part", "text").repartition(partitions).createOrReplaceTempView("sections")
    "sections"
  }

  /** The result, and how many documents were read for it. */
  private def reads[A](run: => A): (A, Long) = {
    val before = LongformRuntime.stats().documents()
    val result = run
    (result, LongformRuntime.stats().documents() - before)
  }

  private def operators(frame: DataFrame): Seq[ReadGroupsExec] =
    collect(frame.queryExecution.executedPlan: SparkPlan) { case reading: ReadGroupsExec => reading }

  private def rows(query: String): Seq[Row] = spark.sql(query).collect().toSeq

  /** The sentence with which a query fails. */
  private def refusal(query: String): String = {
    val failures = Iterator
      .iterate[Throwable](intercept[Throwable](spark.sql(query).collect()))(_.getCause)
      .takeWhile(_ != null)
      .toVector
    failures
      .collectFirst { case known: LongformException => known.getMessage }
      .getOrElse(failures.map(_.getMessage).mkString("\n"))
  }

  private def withConf[A](settings: (String, Any)*)(run: => A): A = {
    settings.foreach { case (key, value) => spark.conf.set(key, value.toString) }
    try run
    finally settings.foreach { case (key, _) => spark.conf.unset(key) }
  }

  test("every example of every aggregate prints what its documentation says") {
    var ran = 0
    for (function <- SqlFunctions.AGGREGATES.asScala; example <- function.examples().asScala) {
      assert(rows(example.query()).map(_.get(0).toString) == Seq(example.prints()), example.query())
      ran += 1
    }
    assert(ran >= SqlFunctions.AGGREGATES.size())
  }

  for (adaptive <- Seq(true, false); partitions <- Seq(1, 3))
    test(s"a group gives the answer of its joined text: $partitions partitions, adaptive $adaptive") {
      withConf("spark.sql.adaptive.enabled" -> adaptive) {
        val view = groups(3, partitions)
        val fields = Seq("value", "finish_reason", "input_tokens", "output_tokens", "attended_tokens", "seed")
        val picked = fields.map(field => s"d.$field").mkString(", ")
        val sampled = "map('temperature', '0.3', 'seed', '11')"
        val byGroup =
          rows(
            s"SELECT k, $picked FROM (SELECT k, ai_ask_agg_detail(text, $SIZE, part, $sampled) AS d FROM $view GROUP BY k) ORDER BY k"
          )
        val joined = rows(
          s"SELECT k, $picked FROM (SELECT k, ai_ask_detail(concat_ws('\\n\\n', transform(array_sort(collect_list(struct(part, text))), x -> x.text)), $SIZE, $sampled) AS d FROM $view GROUP BY k) ORDER BY k"
        )
        assert(byGroup.size == 3 && byGroup.forall(!_.isNullAt(1)))
        assert(byGroup == joined)
      }
    }

  test("one row gives the answer of the scalar function") {
    val view = groups(3)
    val byGroup = rows(
      s"SELECT k, part, ai_summarize_agg(text), ai_ask_agg(text, $SIZE) FROM $view GROUP BY k, part ORDER BY k, part"
    )
    val byRow = rows(s"SELECT k, part, ai_summarize(text), ai_ask(text, $SIZE) FROM $view ORDER BY k, part")
    assert(byGroup.size == 9 && byGroup == byRow)
  }

  test("the order key decides the order of reading, and without one the text does") {
    def first(order: String): Row = rows(
      s"SELECT ai_ask_agg_detail(text, $NAME$order) AS d FROM ${groups(1)}"
    ).head.getStruct(0)
    def place(detail: Row): (String, Long) = {
      val best = detail.getSeq[Row](detail.fieldIndex("evidence")).head
      assert(best.getAs[String]("text") == name(0))
      (best.getAs[String]("doc"), best.getAs[Long]("row"))
    }
    assert(place(first(", part")) == (("3", 3L)))
    assert(place(first(", -part")) == (("-3", 1L)))
    assert(place(first(", struct(k, part)")) == (("{0, 3}", 3L)))
    assert(place(first("")) == (("1", 1L)))
  }

  test("evidence counts the characters of its row, and the detail counts the rows") {
    val view = groups(2)
    spark
      .sql(s"SELECT k, part, concat('Results\\n', text) AS text FROM $view")
      .createOrReplaceTempView("headed")
    val found = rows(
      s"SELECT k, ai_ask_agg_detail(text, $SIZE, part) FROM headed GROUP BY k ORDER BY k"
    )
    for ((row, k) <- found.zipWithIndex) {
      val detail = row.getStruct(1)
      assert(detail.schema == AnswerSchema.GROUP_DETAIL)
      val best = detail.getSeq[Row](detail.fieldIndex("evidence")).head
      assert(best.getAs[String]("doc") == "2" && best.getAs[Long]("row") == 2)
      assert(best.getAs[String]("text") == size(k))
      assert(best.getAs[Long]("start") == 8 && best.getAs[Long]("end") == 8 + size(k).length)
      assert(detail.getAs[Long]("rows") == 3 && detail.getAs[Long]("skipped_rows") == 0)
      assert(detail.getSeq[Row](detail.fieldIndex("row_errors")).isEmpty)
    }
  }

  test("NULL rows are no part of a group; groups of them and aggregates over nothing give NULL") {
    val found = rows(
      s"SELECT k, ai_ask_agg_detail(text, $SIZE, part), ai_ask_agg(text, $SIZE, part), ai_summarize_agg(text), count(*) FROM VALUES " +
        s"(1, 1, NULL), (1, 2, '${size(1)}'), (1, 3, NULL), (2, 1, NULL), (2, 2, NULL) AS t(k, part, text) GROUP BY k ORDER BY k"
    )
    assert(found.head.getString(2) == size(1) && found.head.getStruct(1).getAs[Long]("rows") == 1)
    assert(found.map(_.getLong(4)) == Seq(3, 2))
    assert((1 to 3).forall(found(1).isNullAt))
    val (nothing, read) = reads(
      rows(
        s"SELECT ai_ask_agg(text, $SIZE), ai_ask_agg_detail(text, $SIZE), count(*) FROM ${groups(1)} WHERE k > 5"
      )
    )
    assert(nothing == Seq(Row(null, null, 0L)) && read == 0)
    assert(rows(s"SELECT ai_summarize_agg(text) FROM ${groups(1)} WHERE k > 5") == Seq(Row(null)))
    assert(rows(s"SELECT k, ai_summarize_agg(text) FROM ${groups(1)} WHERE k > 5 GROUP BY k").isEmpty)
  }

  test("a NULL question gives NULL, one among several in its place only") {
    val found = rows(
      s"SELECT ai_ask_agg(text, CAST(NULL AS STRING)), ai_agg_detail(text, NULL), ai_ask_agg(text, array($SIZE, NULL, $AGE)) FROM ${groups(1)}"
    )
    assert(found == Seq(Row(null, null, Seq(size(0), null, age(0)))))
  }

  test("rows that cannot be read are left out and counted, or end the group") {
    val texts = s"(SELECT * FROM VALUES (1, ' '), (2, '${size(7)}'), (3, '') AS t(id, text))"
    val skipped = rows(s"SELECT ai_ask_agg_detail(text, $SIZE, id) FROM $texts").head.getStruct(0)
    assert(skipped.getAs[String]("value") == size(7))
    assert(skipped.getAs[Long]("rows") == 3 && skipped.getAs[Long]("skipped_rows") == 2)
    val errors = skipped.getSeq[Row](skipped.fieldIndex("row_errors"))
    assert(errors.map(_.getAs[String]("doc")) == Seq("1", "3"))
    assert(errors.map(_.getAs[Long]("row")) == Seq(1, 3))
    assert(errors.forall(_.getAs[String]("class") == "EMPTY_DOCUMENT"))
    withConf("spark.longform.rowErrors" -> "fail") {
      val failed =
        rows(s"SELECT ai_ask_agg_detail(text, $SIZE, id), ai_ask_agg(text, $SIZE, id) FROM $texts").head
      val error = failed.getStruct(0).getAs[Row]("error")
      assert(failed.isNullAt(1) && failed.getStruct(0).isNullAt(0))
      assert(error.getAs[String]("class") == "EMPTY_DOCUMENT")
      assert(error.getAs[String]("message").startsWith("Cannot read the group: its row 1 cannot be read."))
    }
    val blank = rows(s"SELECT ai_ask_agg_detail(text, $SIZE, id) FROM $texts WHERE id <> 2").head.getStruct(0)
    assert(
      blank.getAs[Row]("error").getAs[String]("message").contains("none of its 2 rows can be read")
    )
    val message = refusal(
      s"SELECT ai_ask_agg(text, $SIZE, id, map('row_errors', 'fail', 'fail_on_error', 'true')) FROM $texts"
    )
    assert(message.contains("Cannot read the group: its row 1"))
  }

  test("other aggregates, HAVING and expressions stand beside, and the rows are computed once") {
    val evaluated = spark.sparkContext.longAccumulator
    val counted = org.apache.spark.sql.functions.udf { text: String => evaluated.add(1); text }
    spark.udf.register("counted", counted.asNondeterministic())
    val view = groups(4)
    val (found, read) = reads(
      rows(
        s"SELECT k % 4 AS g, count(*), upper(ai_ask_agg(t, $SIZE, part)), sum(part), count(DISTINCT part), max(t), collect_list(part) " +
          s"FROM (SELECT k, part, counted(text) AS t FROM $view) GROUP BY k % 4 HAVING ai_ask_agg(t, $AGE, part) LIKE '%2_.5%' AND sum(k) > 0 ORDER BY g"
      )
    )
    assert(found.map(row => row.toSeq.take(6)) == (1 to 3).map { k =>
      Seq(k, 3L, size(k).toUpperCase, 6L, 3L, size(k))
    })
    assert(found.forall(_.getSeq[Int](6).toSet == Set(1, 2, 3)))
    assert(read == 4 && evaluated.value == 12)
  }

  test("calls over the same text and order share a reading; others have one of their own") {
    val view = groups(2)
    val frame = spark.sql(
      s"SELECT k, ai_ask_agg(text, $SIZE, part), ai_ask_agg_detail(text, $AGE, part).value, ai_summarize_agg(text, part), ai_agg(text, 'Question: What was the code name of the Kelmos cohort?\\nAnswer:', part, map('stop', '\\n')) FROM $view GROUP BY k ORDER BY k"
    )
    val (found, read) = reads(frame.collect().toSeq)
    assert(read == 2 && operators(frame).size == 1)
    assert(found.map(row => (row.getString(1), row.getString(2), row.getString(4))) == (0 until 2).map { k =>
      (size(k), age(k), name(k))
    })
    val several = spark.sql(
      s"SELECT ai_ask_agg(text, $SIZE, part), ai_ask_agg(text, $SIZE), ai_ask_agg(upper(text), $SIZE) IS NULL, ai_ask_agg(text, $SIZE, part, map('context', 'streaming')), count(*) FROM $view WHERE k = 1"
    )
    val (differently, readings) = reads(several.collect().toSeq)
    assert(readings == 4 && operators(several).size == 3)
    assert(differently == Seq(Row(size(1), size(1), false, size(1), 3L)))
  }

  test("a FILTER clause, GROUPING SETS, a question that is grouped by and an answer that is read again") {
    val view = groups(2)
    val filtered = rows(
      s"SELECT k, ai_ask_agg_detail(text, $SIZE, part) FILTER (WHERE part > 1), count(*) FROM $view GROUP BY k ORDER BY k"
    )
    assert(filtered.map(_.getStruct(1).getAs[Long]("rows")) == Seq(2, 2))
    assert(filtered.map(_.getLong(2)) == Seq(3, 3))
    assert(rows(s"SELECT ai_summarize_agg(text) FILTER (WHERE part > 9) FROM $view") == Seq(Row(null)))
    val rolled =
      rows(s"SELECT k, ai_ask_agg_detail(text, $AGE, part).rows FROM $view GROUP BY ROLLUP(k) ORDER BY k")
    assert(rolled == Seq(Row(null, 6L), Row(0, 3L), Row(1, 3L)))
    val asked = rows(
      s"SELECT q, ai_ask_agg(text, concat(q, '?'), part) FROM $view, (SELECT explode(array('What was the sample size of the Veldra cohort', 'What was the median age of the Kelmos cohort')) AS q) WHERE k = 1 GROUP BY q ORDER BY q"
    )
    assert(asked.map(_.getString(1)) == Seq(age(1), size(1)))
    val nested = rows(
      s"SELECT ai_ask(ai_ask_agg(ai_ask(text, $SIZE), $SIZE, part), $SIZE) FROM $view WHERE k = 1 AND part = 2"
    )
    assert(nested == Seq(Row(size(1))))
  }

  test("equal floating-point numbers are one group") {
    val found = rows(
      s"SELECT k, ai_ask_agg_detail(text, $SIZE).rows FROM VALUES (0.0D, '${size(1)}'), (-0.0D, '${age(1)}'), (double('NaN'), '${size(2)}') AS t(k, text) GROUP BY k ORDER BY k"
    )
    assert(found.map(_.getLong(1)) == Seq(2, 1))
  }

  for (adaptive <- Seq(true, false))
    test(s"answers that are sorted, written or joined are read once: adaptive $adaptive") {
      withConf("spark.sql.adaptive.enabled" -> adaptive) {
        val view = groups(3)
        val (sorted, read) = reads(
          rows(
            s"SELECT k, ai_ask_agg(text, $SIZE, part) AS answer FROM $view GROUP BY k ORDER BY answer DESC"
          )
        )
        assert(sorted.map(_.getInt(0)) == Seq(2, 1, 0) && read == 3)
        val table = s"delta.`${emptyFolder().resolve("answers")}`"
        val (_, written) = reads(
          spark.sql(
            s"CREATE TABLE $table USING delta AS SELECT k, ai_ask_agg_detail(text, $SIZE, part) AS d FROM $view GROUP BY k"
          )
        )
        assert(written == 3)
        val (joined, again) = reads(
          rows(
            s"SELECT a.k, a.answer = t.d.value FROM (SELECT k, ai_ask_agg(text, $SIZE, part) AS answer FROM $view GROUP BY k) a JOIN $table t ON a.k = t.k ORDER BY 1"
          )
        )
        assert(joined == (0 until 3).map(Row(_, true)) && again == 3)
      }
    }

  test("one large group beside many small ones: its rows go through a file, evidence is found all the same") {
    val filler = "The weather was fine. " * 300
    spark
      .range(400)
      .selectExpr(
        "if(id < 300, 0, id) AS k",
        "id AS part",
        s"if(id < 300, concat(if(id = 1, '${size(5)} ', ''), '$filler'), '${size(6)}') AS text"
      )
      .createOrReplaceTempView("skewed")
    val found = rows(
      s"SELECT k, ai_ask_agg_detail(text, $SIZE, part, map('max_input_tokens', '3000', 'max_new_tokens', '20')) AS d, count(*) FROM skewed WHERE k < 310 GROUP BY k ORDER BY k"
    )
    assert(found.size == 11 && found.map(_.getLong(2)) == 300L +: Seq.fill(10)(1L))
    val large = found.head.getStruct(1)
    assert(large.getAs[Boolean]("truncated") && large.getAs[Long]("rows") == 300)
    val evidence = large.getSeq[Row](large.fieldIndex("evidence"))
    assert(evidence.exists(span => span.getAs[String]("doc") == "1" && span.getAs[String]("text") == size(5)))
    assert(found.tail.forall(_.getStruct(1).getAs[String]("value") == size(6)))
  }

  test("what Spark cannot deliver fails the query and is no answer") {
    spark.udf.register("failing", (text: String) => if (text.contains("size")) sys.error("no disk") else text)
    val failure = intercept[Exception](
      rows(s"SELECT k, ai_ask_agg(failing(text), $SIZE, part) FROM ${groups(1)} GROUP BY k")
    )
    val messages = Iterator.iterate[Throwable](failure)(_.getCause).takeWhile(_ != null).map(_.getMessage)
    assert(messages.exists(_.contains("no disk")))
  }

  test("a killed group ends its task and frees its memory") {
    val filler = "The weather was fine and the sun shone all day long. " * 400
    spark.range(300).selectExpr("id", s"concat(id, ' $filler') AS text").createOrReplaceTempView("long")
    val context = spark.sparkContext
    val killer = new Thread(
      () => {
        val before = LongformRuntime.stats().tokensRead()
        while (LongformRuntime.stats().tokensRead() < before + 2000) Thread.sleep(20)
        context.cancelJobGroup("doomed")
      },
      "killer"
    )
    context.setJobGroup("doomed", "a group that is killed")
    try {
      killer.start()
      intercept[Exception](rows(s"SELECT ai_ask_agg(text, $SIZE, id) FROM long"))
      killer.join()
    } finally context.clearJobGroup()
    val deadline = System.nanoTime() + 20L * 1000000000L
    while (LongformRuntime.stats().kvBytes() > 0 && System.nanoTime() < deadline) Thread.sleep(20)
    assert(LongformRuntime.stats().kvBytes() == 0)
  }

  test("EXPLAIN and the metrics tell how groups are read") {
    val frame = spark.sql(
      s"SELECT k, ai_ask_agg(text, $SIZE, part) FROM (SELECT k, part, if(part = 3, '', text) AS text FROM ${groups(2)}) GROUP BY k"
    )
    frame.collect()
    val text = frame.queryExecution.explainString(ExplainMode.fromString("formatted"))
    assert(text.contains("ReadGroups"))
    assert(text.matches("(?s).*Order: \\[part#\\d+ ASC NULLS FIRST, _?\\w+#\\d+ ASC NULLS FIRST\\].*"), text)
    assert(text.matches("(?s).*Reading: context \\S+, model longform-tiny, device \\S+, KV .*"), text)
    val metrics = operators(frame).head.metrics.map { case (name, metric) => name -> metric.value }
    assert(metrics(ReadingMetrics.ROWS) == 2 && metrics(ReadingMetrics.DOCUMENTS) == 2)
    assert(metrics(GroupReader.ROWS_OF_GROUPS) == 6 && metrics(GroupReader.SKIPPED) == 2)
    assert(metrics(ReadingMetrics.TOKENS_READ) > 50 && metrics(ReadingMetrics.TOKENS_GENERATED) > 10)
  }

  test("what cannot be answered is refused with a sentence") {
    val view = groups(1)
    assert(
      refusal(s"SELECT ai_summarize_agg(DISTINCT text) FROM $view") ==
        "Cannot call ai_summarize_agg: DISTINCT is not supported. Select the distinct rows in a subquery."
    )
    assert(
      refusal(s"SELECT ai_summarize_agg(text) OVER (PARTITION BY k) FROM $view").startsWith(
        "Cannot call ai_summarize_agg: it stands where rows are not grouped, in a window for instance."
      )
    )
    assert(
      refusal(s"SELECT ai_ask_agg(text, text) FROM $view GROUP BY k").contains(
        "depends on a column that is not grouped by (text)"
      )
    )
    assert(
      refusal(s"SELECT ai_ask_agg(text, $SIZE, array(map('a', 1))) FROM $view").contains(
        "its order key has a type without an order (array<map<string,int>>)"
      )
    )
    assert(refusal(s"SELECT ai_agg(text) FROM $view").startsWith("Cannot call ai_agg with 1 arguments"))
    assert(
      refusal(s"SELECT ai_summarize_agg(text, k, map('max_word', '3')) FROM $view").contains("max_words")
    )
    spark.readStream.format("rate").load().createOrReplaceTempView("ticks")
    assert(
      refusal("SELECT ai_summarize_agg(CAST(value AS STRING)) FROM ticks").contains("the query is a stream")
    )
  }
}
