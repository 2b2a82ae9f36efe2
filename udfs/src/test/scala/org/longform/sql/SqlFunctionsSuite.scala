package org.longform.sql

import java.nio.file.{Files, Path}

import org.apache.spark.sql.{Row, SparkSession}
import org.longform.runtime.LongformRuntime
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** The SQL functions on the bundled model, in a local session without the plugin. */
class SqlFunctionsSuite extends AnyFunSuite with BeforeAndAfterAll {
  private var spark: SparkSession = _

  private val document =
    "Results\nThe median age of the Kelmos cohort was 57.3 years. " +
      "The sample size of the Veldra cohort was 4821. The code name of the Kelmos cohort was amber falcon."
  private val question = "What was the sample size of the Veldra cohort?"
  private val answer = "The sample size of the Veldra cohort was 4821."

  override def beforeAll(): Unit = {
    spark = SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .config("spark.sql.shuffle.partitions", "2")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.driver.bindAddress", "127.0.0.1")
      .getOrCreate()
    SqlFunctions.register(spark, "ai_")
  }

  override def afterAll(): Unit = {
    spark.stop()
    LongformRuntime.shutdown()
  }

  private def one(query: String): Row = spark.sql(query).collect().toSeq match { case Seq(row) => row }

  private def printed(value: Any): String = value match {
    case values: scala.collection.Seq[_] => values.mkString("[", ", ", "]")
    case other                           => String.valueOf(other)
  }

  test("every example of every function prints what its documentation says") {
    var ran = 0
    SqlFunctions.ALL.forEach { function =>
      assert(!function.examples().isEmpty, s"${function.word()} has no example")
      function.examples().forEach { example =>
        assert(printed(one(example.query()).get(0)) == example.prints(), example.query())
        ran += 1
      }
    }
    assert(ran >= SqlFunctions.ALL.size())
  }

  test("FUNCTIONS.md is what the code writes") {
    val file = Path.of(System.getProperty("longform.basedir"), "udfs", "FUNCTIONS.md")
    if (System.getProperty("longform.write.docs") == "true") {
      Files.writeString(file, FunctionDocs.markdown())
    }
    assert(Files.readString(file) == FunctionDocs.markdown())
  }

  test("DESCRIBE FUNCTION shows arguments and examples") {
    val text = spark.sql("DESCRIBE FUNCTION EXTENDED ai_ask").collect().map(_.getString(0)).mkString("\n")
    assert(text.contains("ai_ask(content, question | array(question, …) [, options])"))
    assert(text.contains("Examples:"))
  }

  test("NULL in gives NULL out, in both forms") {
    val row = one(
      "SELECT ai_gen(NULL), ai_summarize(NULL), ai_ask(NULL, 'x'), ai_ask('x', NULL), ai_perplexity(NULL), " +
        "ai_count_tokens(NULL), ai_ask_detail(NULL, 'x'), ai_summarize_detail(NULL), " +
        "ai_classify(NULL, array('a', 'b')), ai_classify('x', CAST(NULL AS ARRAY<STRING>)), ai_filter(NULL, 'x'), " +
        "ai_filter('x', NULL), ai_extract(NULL, array('a')), ai_classify_detail(NULL, array('a', 'b')), " +
        "ai_filter_detail('x', NULL), ai_extract_detail(NULL, array('a'))"
    )
    (0 until row.length).foreach(i => assert(row.isNullAt(i), s"column $i"))
  }

  test("a NULL among several questions gives NULL in its place only") {
    val row = one(s"SELECT ai_ask('$document', array('$question', CAST(NULL AS STRING)))")
    assert(row.getSeq[String](0) == Seq(answer, null))
  }

  test("an empty document gives NULL and a sentence in the detail") {
    val row = one("SELECT ai_ask('  ', 'x'), ai_ask_detail('  ', 'x')")
    assert(row.isNullAt(0))
    val error = row.getStruct(1).getAs[Row]("error")
    assert(error.getAs[String]("class") == "EMPTY_DOCUMENT")
    assert(error.getAs[String]("message").startsWith("Cannot read the document: it is empty"))
    assert(row.getStruct(1).getAs[String]("finish_reason") == "error")
  }

  test("failOnError turns a failing row into a failed query with the row's sentence") {
    val failure = intercept[Exception](one("SELECT ai_ask('', 'x', map('fail_on_error', 'true'))"))
    val sentences = Iterator.iterate[Throwable](failure)(_.getCause).takeWhile(_ != null).map(_.getMessage)
    assert(sentences.exists(_.contains("Cannot read the document: it is empty")))
  }

  test("the detail tells value, usage, method, model and evidence") {
    val detail = one(s"SELECT ai_ask_detail('$document', '$question')").getStruct(0)
    assert(detail.getAs[String]("value") == answer)
    assert(detail.getAs[Row]("error") == null)
    assert(detail.getAs[String]("finish_reason") == "stop")
    assert(detail.getAs[Long]("input_tokens") > 40)
    assert(detail.getAs[Long]("output_tokens") > 10)
    assert(detail.getAs[Long]("attended_tokens") > 0)
    assert(!detail.getAs[Boolean]("truncated"))
    assert(detail.getAs[String]("method") == "reattention")
    assert(detail.getAs[String]("model") == "longform-tiny")
    assert(detail.getAs[String]("model_revision").nonEmpty)
    val best = detail.getSeq[Row](detail.fieldIndex("evidence")).head
    assert(best.getAs[String]("text") == answer)
    assert(document.substring(best.getAs[Long]("start").toInt, best.getAs[Long]("end").toInt) == answer)
  }

  test("several questions read the document once") {
    val single = tokensReadBy(s"SELECT ai_ask('$document one', '$question')")
    val double = tokensReadBy(s"SELECT ai_ask('$document two', array('$question', '$question'))")
    val documentTokens = one(s"SELECT ai_count_tokens('$document two')").getInt(0)
    assert(double < single + documentTokens)
    assert(double > single)
  }

  test("a function and its detail share one reading of the row") {
    val both = tokensReadBy(
      s"SELECT ai_ask('$document both', '$question'), ai_ask_detail('$document both', '$question')"
    )
    val single = tokensReadBy(s"SELECT ai_ask('$document once', '$question')")
    assert(both == single)
  }

  test("an option that cuts the document says so in the result") {
    val detail = one(
      s"SELECT ai_ask_detail('$document', '$question', map('max_input_tokens', '20'))"
    ).getStruct(0)
    assert(detail.getAs[Boolean]("truncated"))
  }

  test("conf keys act as options, and a call's map wins over them") {
    spark.conf.set("spark.longform.context", "lm-infinite")
    try {
      val method = one(s"SELECT ai_ask_detail('$document', '$question').method").getString(0)
      assert(method == "lm-infinite")
      val called =
        one(s"SELECT ai_ask_detail('$document', '$question', map('context', 'streaming')).method").getString(
          0
        )
      assert(called == "streaming")
    } finally spark.conf.unset("spark.longform.context")
  }

  test("the model is loaded once however many partitions use it") {
    val before = LongformRuntime.stats().modelLoads()
    val counted = spark
      .range(0, 24, 1, 8)
      .selectExpr(s"ai_ask(concat('$document ', id), '$question') AS a")
      .where("a IS NOT NULL")
      .count()
    assert(counted == 24)
    assert(LongformRuntime.stats().modelLoads() <= math.max(before, 1))
    assert(LongformRuntime.stats().modelLoads() >= 1)
  }

  test("answers do not depend on the partitioning, sampled ones neither") {
    def answers(partitions: Int): Seq[String] = spark
      .range(0, 6, 1, partitions)
      .selectExpr(
        "id",
        s"ai_gen(concat('The sample size of the ', id, ' Veldra cohort'), map('temperature', '1', 'max_new_tokens', '12', 'seed', '7')) AS a"
      )
      .orderBy("id")
      .collect()
      .map(_.getString(1))
      .toSeq
    assert(answers(1) == answers(6))
  }

  test("a result column is named after the function, also in a plan that was copied") {
    val frame =
      spark.sql("SELECT ai_count_tokens(concat('a ', id)) FROM range(3) WHERE ai_count_tokens('a') = 1")
    assert(frame.columns.toSeq == Seq("ai_count_tokens(concat(a , id))"))
    assert(frame.queryExecution.optimizedPlan.clone().toString.contains("ai_count_tokens"))
    assert(frame.count() == 3)
  }

  test("a sampled answer is the same whatever else is asked of the document") {
    val sampled = "map('temperature', '1.5', 'seed', '3', 'max_new_tokens', '12', 'top_k', '50')"
    val other = "What was the code name of the Kelmos cohort?"
    val alone = one(s"SELECT ai_ask_detail('$document', '$question', $sampled)").getStruct(0)
    val together =
      one(s"SELECT ai_ask_detail('$document', array('$other', '$question'), $sampled)").getSeq[Row](0)
    assert(together(1).getAs[String]("value") == alone.getAs[String]("value"))
    assert(together(1).getAs[Long]("seed") == alone.getAs[Long]("seed"))
    assert(together.head.getAs[Long]("seed") != alone.getAs[Long]("seed"))
  }

  test("a wrong option is a sentence that names the nearest one") {
    val failure =
      intercept[Exception](one(s"SELECT ai_ask('$document', '$question', map('max_new_token', '3'))"))
    val sentences = Iterator.iterate[Throwable](failure)(_.getCause).takeWhile(_ != null).map(_.getMessage)
    assert(
      sentences.exists(message => message.contains("max_new_token") && message.contains("max_new_tokens"))
    )
  }

  test("a wrong number of arguments is a sentence that shows the right ones") {
    val failure = intercept[Exception](spark.sql("SELECT ai_ask('only one')"))
    assert(failure.getMessage.contains("Cannot call ai_ask with 1 arguments"))
  }

  test("the plain Java UDF classes give the same answers") {
    spark.udf.register("plain_ask", new udf.Ask, org.apache.spark.sql.types.StringType)
    spark.udf.register("plain_detail", new udf.AskDetail, AnswerSchema.DETAIL)
    val row = one(
      s"SELECT plain_ask('$document', '$question'), plain_detail('$document', '$question').finish_reason, plain_ask(NULL, 'x')"
    )
    assert(row == Row(answer, "stop", null))
  }

  test("a filter on an answer works in WHERE, views and CTAS sources") {
    spark
      .range(0, 3)
      .selectExpr("id", s"concat('$document ', id) AS text")
      .createOrReplaceTempView("articles")
    val rows = spark.sql(
      s"SELECT id FROM articles WHERE ai_ask(text, '$question') = '$answer' AND id > 0"
    )
    assert(rows.count() == 2)
    assert(
      spark.sql("SELECT round(avg(ai_count_tokens(text)), 0) AS n FROM articles").head().getDouble(0) > 40
    )
  }

  private def sentences(query: String): String =
    Iterator
      .iterate[Throwable](intercept[Exception](one(query)))(_.getCause)
      .takeWhile(_ != null)
      .map(_.getMessage)
      .mkString("\n")

  test("ai_classify gives one of its labels, which may be another list for each row") {
    val row = one(
      s"SELECT ai_classify('$document', array('amber falcon', 'blue heron')), " +
        s"ai_classify('$document', array('x', 'amber falcon'), map('context', 'streaming'))"
    )
    assert(Set("amber falcon", "blue heron").contains(row.getString(0)))
    assert(Set("x", "amber falcon").contains(row.getString(1)))
    val rows = spark
      .range(0, 3)
      .selectExpr(s"ai_classify('$document', array(concat('label ', id), concat('other ', id))) AS a", "id")
      .collect()
    rows.foreach(row =>
      assert(Set(s"label ${row.getLong(1)}", s"other ${row.getLong(1)}").contains(row.getString(0)))
    )
  }

  test("ai_classify_detail has the probability of each label") {
    val labels = Seq("amber falcon", "a \"q\" 😀", "it")
    val texts = labels.map(label => s"'$label'").mkString(", ")
    val frame = spark.sql(s"SELECT ai_classify_detail('$document', array($texts)) AS d")
    assert(frame.schema("d").dataType == AnswerSchema.choiceDetail(org.apache.spark.sql.types.StringType))
    val detail = frame.head().getStruct(0)
    val probabilities = detail.getAs[scala.collection.Map[String, Double]]("probabilities")
    assert(probabilities.keySet == labels.toSet && math.abs(probabilities.values.sum - 1) < 1e-9)
    assert(detail.getAs[String]("value") == probabilities.maxBy(_._2)._1)
    assert(detail.getAs[String]("finish_reason") == "stop" && detail.getAs[Long]("output_tokens") > 0)
  }

  test("wrong labels end a query that has them as literals, and are the error of a row that has not") {
    val none = "CAST(array() AS ARRAY<STRING>)"
    assert(sentences(s"SELECT ai_classify('x', $none)").contains("Cannot classify: there is no label."))
    assert(sentences("SELECT ai_classify('x', array('a', NULL))").contains("one of its labels is NULL"))
    val row = spark
      .range(0, 1)
      .selectExpr(s"ai_classify_detail('$document', filter(array(concat('a', id)), x -> x = 'b')) AS d")
      .select("d.value", "d.error.class", "d.error.message", "d.probabilities")
      .head()
    assert(row.isNullAt(0) && row.isNullAt(3) && row.getString(1) == "INVALID_INPUT")
    assert(row.getString(2) == "Cannot classify: there is no label. Give at least one.")
  }

  test("ai_extract gives a struct with a text for each label") {
    val frame = spark.sql(s"SELECT ai_extract('$document', array('sample size', 'code name')) AS e")
    assert(frame.schema("e").dataType.catalogString == "struct<sample size:string,code name:string>")
    assert(!frame.head().isNullAt(0))
  }

  test("ai_extract gives a struct of a JSON schema's types, the detail form too") {
    val schema =
      """{"type":"object","required":["size","ages"],"properties":{"size":{"type":"integer"},"mean":{"type":"number"},
        "ages":{"type":"array","maxItems":2,"items":{"type":"object","properties":{"years":{"type":"number"},"ok":{"type":"boolean"}}}},
        "kind":{"enum":["cohort","trial",null]}}}""".replaceAll("\\s+", "")
    val ddl = "struct<size:bigint,mean:double,ages:array<struct<years:double,ok:boolean>>,kind:string>"
    val frame = spark.sql(
      s"SELECT ai_extract('$document', '$schema') AS e, ai_extract_detail('$document', '$schema') AS d, " +
        s"ai_extract('$document', '$schema', map('max_new_tokens', '3')) AS short"
    )
    assert(frame.schema("e").dataType.catalogString == ddl)
    assert(frame.schema("d").dataType == AnswerSchema.detail(frame.schema("e").dataType))
    val row = frame.head()
    val extracted = row.getStruct(0)
    assert(!extracted.isNullAt(0) && !extracted.isNullAt(2))
    assert(row.getStruct(1).getStruct(0) == extracted)
    assert(row.isNullAt(2), "no JSON of the schema has three tokens")
  }

  test("labels and schemas of ai_extract that are not literal, or none, are refused with a sentence") {
    assert(
      sentences("SELECT ai_extract('x', concat('{', id, '}')) FROM range(1)")
        .contains(
          "so they must be literals and not NULL. Write them into the query, or register the Java UDF"
        )
    )
    assert(sentences("SELECT ai_extract('x', NULL)").contains("must be literals and not NULL"))
    assert(sentences("SELECT ai_extract('x', array('a', 'a'))").contains("label 'a' is there twice"))
    assert(sentences("SELECT ai_extract('x', '{}')").contains("the schema has no type"))
    assert(sentences("SELECT ai_extract('x')").contains("Cannot call ai_extract with 1 arguments"))
    assert(
      sentences("SELECT ai_classify('x', 'a', 'b')").contains("Cannot call ai_classify with 3 arguments")
    )
  }

  test("a schema may be a folded expression") {
    val frame = spark.sql("SELECT ai_extract(NULL, concat('[\"a', '\"]')) AS e")
    assert(frame.schema("e").dataType.catalogString == "struct<a:string>")
    assert(frame.head().isNullAt(0))
  }

  test("ai_filter is a condition like others") {
    val detail = one(s"SELECT ai_filter_detail('$document', 'It is about a cohort')").getStruct(0)
    val probabilities = detail.getAs[scala.collection.Map[String, Double]]("probabilities")
    assert(detail.getAs[Boolean]("value") == (probabilities("true") >= probabilities("false")))
    val kept = spark.sql(
      s"SELECT id FROM range(2) WHERE ai_filter(concat('$document ', id), 'It is about a cohort') IN (true, false) AND id = 1"
    )
    assert(kept.collect().map(_.getLong(0)).toSeq == Seq(1))
  }

  test("the Java UDF classes classify, filter, and extract as JSON, by a schema that rows bring") {
    val types = org.apache.spark.sql.types.DataTypes.StringType
    spark.udf.register("plain_classify", new udf.Classify, types)
    spark.udf.register("plain_filter", new udf.Filter, org.apache.spark.sql.types.BooleanType)
    spark.udf.register("plain_extract", new udf.Extract, types)
    spark.udf.register("plain_labels", new udf.ExtractLabels, types)
    spark.udf.register("plain_classify_detail", new udf.ClassifyDetail, AnswerSchema.choiceDetail(types))
    val schema = """{"type":"object","properties":{"size":{"type":"integer"}}}"""
    val row = one(
      s"SELECT plain_classify('$document', array('amber falcon', 'x')), plain_filter('$document', 'It is long'), " +
        s"plain_extract('$document', '$schema'), plain_labels('$document', array('a b')), " +
        s"plain_classify_detail('$document', array('amber falcon', 'x')).probabilities, plain_extract(NULL, '{}'), " +
        s"plain_extract('$document', '{}')"
    )
    assert(
      row.getString(0) == one(s"SELECT ai_classify('$document', array('amber falcon', 'x'))").getString(0)
    )
    assert(!row.isNullAt(1))
    assert(row.getString(2).matches("\\{\"size\":-?[0-9]+\\}"))
    assert(row.getString(3).startsWith("{\"a b\":"))
    assert(row.getMap[String, Double](4).size == 2)
    assert(row.isNullAt(5) && row.isNullAt(6))
  }

  private def tokensReadBy(query: String): Long = {
    val before = LongformRuntime.stats().tokensRead()
    one(query)
    LongformRuntime.stats().tokensRead() - before
  }
}
