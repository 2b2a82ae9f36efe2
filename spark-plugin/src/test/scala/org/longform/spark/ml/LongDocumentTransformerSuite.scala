package org.longform.spark.ml

import org.apache.spark.ml.{Pipeline, PipelineModel, PipelineStage}
import org.apache.spark.ml.param.ParamMap
import org.apache.spark.sql.{DataFrame, Row}
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanHelper
import org.apache.spark.sql.functions.{col, lit, regexp_replace}
import org.apache.spark.sql.types.{DoubleType, StringType}
import org.longform.kernels.error.LongformException
import org.longform.runtime.LongformRuntime
import org.longform.spark.SparkSuite
import org.longform.spark.plan.{ReadDocumentsExec, ReadingMetrics}
import org.longform.sql.AnswerSchema

/** The stage in a session without the extensions. */
class LongDocumentTransformerSuite extends LongDocumentTransformerTests

/** The stage in a session with the plugin, whose SQL functions have another prefix. */
class LongDocumentTransformerInPluginSuite extends LongDocumentTransformerTests {
  override protected def sparkConf: Map[String, String] =
    Map("spark.plugins" -> "org.longform.spark.LongformPlugin", "spark.longform.sql.prefix" -> "doc_")
}

abstract class LongDocumentTransformerTests extends SparkSuite with AdaptiveSparkPlanHelper {

  private def articles: DataFrame = {
    val session = spark
    import session.implicits._
    Seq(
      (1, "Roots", "Title: Roots\n\nConclusion\nThe main finding is that blue light doubles the leaf area."),
      (2, "Nothing", null),
      (3, "Blank", ""),
      (4, "Seeds", "Title: Seeds\n\nConclusion\nThe main finding is that cold halves the yield.")
    ).toDF("id", "title", "body")
  }

  private def summarize: LongDocumentTransformer =
    new LongDocumentTransformer().setInputCol("body").setOutputCol("summary").setMaxNewTokens(12)

  private def refusal(stage: LongDocumentTransformer, table: DataFrame = articles): String =
    intercept[LongformException](stage.transformSchema(table.schema)).getMessage

  private def byId(table: DataFrame): Map[Int, Row] =
    table.collect().map(row => row.getAs[Int]("id") -> row).toMap

  test("each document gets its answer; NULL stays NULL; a bad document gets NULL and its error") {
    val rows = byId(summarize.transform(articles))
    assert(rows.size == 4)
    assert(rows(1).getAs[String]("summary").nonEmpty)
    assert(rows(1).getAs[Row]("summary_error") == null)
    assert(rows(2).getAs[String]("summary") == null)
    assert(rows(2).getAs[Row]("summary_error") == null)
    assert(rows(3).getAs[String]("summary") == null)
    assert(rows(3).getAs[Row]("summary_error").getString(0) == "EMPTY_DOCUMENT")
    assert(rows(3).getAs[Row]("summary_error").getString(1).startsWith("Cannot "))
  }

  test("the schema promised is the schema delivered") {
    val stage = summarize.setDetailCol("detail")
    val result = stage.transform(articles)
    assert(result.schema == stage.transformSchema(articles.schema))
    assert(result.columns.toSeq == Seq("id", "title", "body", "summary", "summary_error", "detail"))
    assert(result.schema("detail").dataType == AnswerSchema.DETAIL)
    assert(result.schema("summary_error").dataType == AnswerSchema.ERROR)
  }

  test("a stage classifies, filters and extracts, with the types of the functions") {
    def stage: LongDocumentTransformer = new LongDocumentTransformer().setInputCol("body").setOutputCol("out")
    val classified = stage.setTask("classify").setLabels("light", "cold").setDetailCol("detail")
    val result = classified.transform(articles)
    assert(result.schema == classified.transformSchema(articles.schema))
    assert(Set("light", "cold").contains(byId(result)(1).getAs[String]("out")))
    assert(byId(result)(2).isNullAt(3) && byId(result)(1).getAs[Row]("detail").getMap(13).size == 2)
    val filtered = stage.setTask("filter").setQuestion("It is about {title}").transform(articles)
    assert(filtered.schema("out").dataType.typeName == "boolean" && !byId(filtered)(1).isNullAt(3))
    val schema = """{"type":"object","properties":{"leaf area":{"type":"integer"}}}"""
    for (extracting <- Seq(stage.setSchema(schema), stage.setTask("extract").setLabels("leaf area"))) {
      val rows = extracting.setMaxNewTokens(40).transform(articles)
      assert(rows.schema == extracting.transformSchema(articles.schema))
      assert(rows.schema("out").dataType.catalogString.startsWith("struct<leaf area:"))
      assert(!byId(rows)(1).isNullAt(3) && byId(rows)(3).isNullAt(3))
      val path = java.nio.file.Files.createTempDirectory("stage").resolve("saved").toString
      extracting.save(path)
      val loaded = LongDocumentTransformer.load(path).transform(articles)
      assert(byId(loaded)(1).getAs[Row]("out") == byId(rows)(1).getAs[Row]("out"))
    }
    assert(
      refusal(stage.setTask("classify"))
        .contains("Cannot use task classify: it has no labels. Call setLabels.")
    )
    assert(refusal(stage.setLabels("a")).contains("only tasks classify and extract have labels"))
    assert(
      refusal(stage.setTask("ask").setQuestion("x").setSchema(schema)).contains("only task extract has one")
    )
    assert(refusal(stage.setTask("extract").setSchema("{}")).contains("the schema has no type"))
    assert(refusal(stage.setTask("filter")).contains("Cannot use task filter: the question is empty"))
  }

  test("each row is read once, whichever columns are used and however often") {
    val unread = regexp_replace(col("body"), "\\.$", s". This is ${getClass.getSimpleName}.")
    val result = summarize.setDetailCol("detail").transform(articles.withColumn("body", unread))
    val before = LongformRuntime.stats().documents()
    val rows = result
      .select(col("summary"), col("summary_error.class"), col("detail.value"), col("detail.method"))
      .where(col("summary").isNull || col("value") === col("summary"))
      .collect()
    assert(rows.length == 4)
    val read = LongformRuntime.stats().documents() - before
    assert(read == 2)
  }

  test(
    "a stage is planned as the operator, with its metrics, and a second stage takes what the first one read"
  ) {
    val summary = summarize.setDetailCol("detail").transform(articles)
    val both = new LongDocumentTransformer()
      .setInputCol("body")
      .setQuestion("What is the main finding?")
      .setOutputCol("finding")
      .setMaxNewTokens(9)
      .transform(summary)
    val rows = byId(both.select("id", "summary", "finding", "detail"))
    assert(rows(1).getAs[String]("summary") == byId(summary)(1).getAs[String]("summary"))
    val frame = both.where(col("summary").isNotNull)
    assert(frame.collect().map(_.getAs[Int]("id")).toSet == Set(1, 4))
    val operators = collect(frame.queryExecution.executedPlan) { case reading: ReadDocumentsExec => reading }
    assert(operators.nonEmpty)
    assert(operators.map(_.metrics(ReadingMetrics.ROWS).value).max == 4)
    assert(frame.queryExecution.executedPlan.toString.contains("context reattention"))
  }

  test("a row over its time is NULL with its error, as in SQL") {
    val long =
      articles.where("id = 1").withColumn("body", org.apache.spark.sql.functions.expr("repeat(body, 200)"))
    val row = summarize.setOption("row_timeout", "1ms").transform(long).head()
    assert(row.getAs[String]("summary") == null)
    assert(row.getAs[Row]("summary_error").getString(0) == "ROW_TIMEOUT")
  }

  test("rows that are filtered out by other columns are not read") {
    val before = LongformRuntime.stats().documents()
    val rows = summarize
      .setInputCol("body")
      .transform(
        articles.withColumn("body", org.apache.spark.sql.functions.concat(col("body"), lit(" Fresh.")))
      )
      .where("id = 1")
      .collect()
    assert(rows.length == 1 && LongformRuntime.stats().documents() == before + 1)
  }

  test("the detail of a row holds its value, its model and no silent cut") {
    val detail = byId(summarize.setDetailCol("detail").transform(articles))(1).getAs[Row]("detail")
    assert(detail.getAs[String]("value").nonEmpty)
    assert(detail.getAs[String]("model").nonEmpty)
    assert(!detail.getAs[Boolean]("truncated"))
    assert(detail.getAs[Long]("input_tokens") > 0)
  }

  test("answers do not depend on partitions, sampling included") {
    def answers(parts: Int): Map[Int, String] =
      byId(summarize.setTemperature(0.9).setSeed(7).transform(articles.repartition(parts)))
        .map { case (id, row) => id -> row.getAs[String]("summary") }
    assert(answers(1) == answers(3))
  }

  test("a question may hold columns, and gives what the plain question gives") {
    val table = articles.where("id = 1")
    val stage = new LongDocumentTransformer().setInputCol("body").setOutputCol("a").setMaxNewTokens(8)
    val filled = stage.copy(ParamMap.empty).setQuestion("What about {title}?").transform(table)
    val plain = stage.copy(ParamMap.empty).setQuestion("What about Roots?").transform(table)
    assert(filled.head().getAs[String]("a") == plain.head().getAs[String]("a"))
    assert(filled.head().getAs[Row]("a_error") == null)
  }

  test("a template fills columns of any simple type and doubled braces are braces") {
    val table = articles.where("id = 4").withColumn("whole", lit("{4} Seeds: cold halves the yield"))
    val template = new LongDocumentTransformer()
      .setPromptTemplate("{{{id}}} {title}: cold halves the yield")
      .setOutputCol("text")
      .setMaxNewTokens(8)
    val plain = new LongDocumentTransformer()
      .setTask("generate")
      .setInputCol("whole")
      .setOutputCol("text")
      .setMaxNewTokens(8)
    val filled = template.transform(table).head().getAs[String]("text")
    assert(filled != null && filled == plain.transform(table).head().getAs[String]("text"))
  }

  test("perplexity is a number") {
    val stage = new LongDocumentTransformer().setTask("perplexity").setInputCol("body").setOutputCol("p")
    val result = stage.transform(articles)
    assert(result.schema("p").dataType == DoubleType)
    assert(byId(result)(1).getAs[Double]("p") > 1.0)
  }

  test("with fail_on_error a bad document fails the query with its sentence") {
    val failure = intercept[Exception] {
      summarize.setOption("fail_on_error", "true").transform(articles.where("id = 3")).collect()
    }
    val messages = Iterator.iterate[Throwable](failure)(_.getCause).takeWhile(_ != null).map(_.getMessage)
    assert(messages.exists(message => message != null && message.contains("Cannot read")))
  }

  test("fail_on_error of the session counts too") {
    spark.conf.set("spark.longform.failOnError", "true")
    try intercept[Exception](summarize.transform(articles.where("id = 3")).collect())
    finally spark.conf.unset("spark.longform.failOnError")
    assert(summarize.transform(articles.where("id = 3")).collect().length == 1)
  }

  test("a column whose name holds dots, spaces and backticks can be read") {
    val table = articles.where("id = 1").withColumnRenamed("body", "a.b `c`")
    val result = summarize.setInputCol("a.b `c`").transform(table)
    assert(result.head().getAs[String]("summary").nonEmpty)
  }

  test("column names are compared as the session compares them") {
    assert(
      summarize
        .setInputCol("BODY")
        .transform(articles.where("id = 1"))
        .head()
        .getAs[String]("summary") != null
    )
    assert(refusal(summarize.setOutputCol("Title")).contains("Cannot add outputCol 'Title'"))
  }

  test("a missing input column is told with the columns there are") {
    assert(
      refusal(summarize.setInputCol("text")) ==
        "Cannot read documents from inputCol 'text': there is no such column (columns: id, title, body). " +
        "Name one of them."
    )
  }

  test("no input column at all is told") {
    assert(refusal(new LongDocumentTransformer()).startsWith("Cannot read documents: no column is named"))
  }

  test("an input column that is no text is refused with its type") {
    assert(refusal(summarize.setInputCol("id")).contains("its type is INT, not STRING"))
  }

  test("an output column that exists is refused, as are two added columns of one name") {
    assert(refusal(summarize.setOutputCol("title")).contains("there is a column of that name"))
    assert(refusal(summarize.setErrorCol("summary")).contains("Cannot add errorCol 'summary'"))
    assert(refusal(summarize.setDetailCol("body")).contains("Cannot add detailCol 'body'"))
  }

  test("an unknown hole is told with the columns there are") {
    val stage = new LongDocumentTransformer().setPromptTemplate("Sum up {abstract}")
    assert(refusal(stage).startsWith("Cannot fill {abstract} of promptTemplate 'Sum up {abstract}'"))
    assert(refusal(stage).contains("columns: id, title, body"))
  }

  test("braces that match nothing are refused where they stand") {
    def message(template: String) = refusal(new LongDocumentTransformer().setPromptTemplate(template))
    assert(message("Sum up {body").contains("the brace at character 7 is never closed"))
    assert(message("Sum up body}").contains("the brace at character 11 closes no hole"))
    assert(message("Sum up {}").contains("the brace at character 7 names no column"))
  }

  test("a hole for an array is refused") {
    val table = articles.withColumn("tags", org.apache.spark.sql.functions.array(lit("x")))
    val stage = new LongDocumentTransformer().setPromptTemplate("{tags}")
    assert(refusal(stage, table).contains("a value of type ARRAY<STRING> has no one text"))
  }

  test("parameters that contradict each other are refused") {
    assert(
      refusal(summarize.setTask("translate")).contains("Choose one of summarize, ask, generate, perplexity")
    )
    assert(refusal(summarize.setTask("ask")).startsWith("Cannot use task ask: the question is empty"))
    assert(
      refusal(summarize.setTask("summarize").setQuestion("Why?")).contains("only task ask has a question")
    )
    assert(
      refusal(summarize.setPromptTemplate("{body}"))
        .startsWith("Cannot use inputCol 'body' with promptTemplate")
    )
  }

  test("an unknown option and a value that does not fit are refused when they are set") {
    val unknown = intercept[LongformException](summarize.setOption("max_new_tokns", "5"))
    assert(unknown.getMessage.contains("Did you mean max_new_tokens"))
    val value = intercept[LongformException](summarize.setMaxNewTokens(0))
    assert(value.getMessage.startsWith("Cannot use option 'maxNewTokens': it must be positive (0)"))
    val late = intercept[LongformException](summarize.setOption("threads", "2"))
    assert(late.getMessage.contains("it is read when the application starts"))
  }

  test("a model that is not there is found before anything is read") {
    assert(refusal(summarize.setModel("/nowhere/model")).contains("/nowhere/model"))
  }

  test("every option of a call is a parameter with its documentation") {
    val stage = summarize
    assert(stage.hasParam("temperature") && stage.hasParam("localSize") && stage.hasParam("inputCol"))
    assert(stage.explainParam(stage.getParam("maxNewTokens")).contains("Largest number of tokens"))
    assert(stage.setOption("max_tokens", "9").getOptions.get("max_new_tokens") == "9")
  }

  test("a saved stage is loaded with every parameter") {
    val path = emptyFolder().resolve("stage").toString
    val stage = summarize
      .setErrorCol("why")
      .setDetailCol("detail")
      .setQuestion("What is {title}?")
      .setContext("full")
      .setTemperature(0.5)
      .setSeed(1234567890123L)
      .setOption("stop", """["\n", "END"]""")
    stage.write.overwrite().save(path)
    val loaded = LongDocumentTransformer.load(path)
    assert(loaded.uid == stage.uid)
    assert(loaded.getOptions == stage.getOptions)
    assert(loaded.transformSchema(articles.schema) == stage.transformSchema(articles.schema))
    assert(loaded.getOrDefault(loaded.getParam("question")) == "What is {title}?")
  }

  test("a copy has the same identity and takes extra parameters without changing the original") {
    val stage = summarize
    val extra = new ParamMap()
      .put(stage.getParam("outputCol").asInstanceOf[org.apache.spark.ml.param.Param[String]], "other")
    val copied = stage.copy(extra)
    assert(copied.uid == stage.uid && copied.getOutputCol == "other" && stage.getOutputCol == "summary")
    copied.setMaxNewTokens(3)
    assert(stage.getOptions.get("max_new_tokens") == "12")
  }

  test("it works in a pipeline that is fitted, saved and loaded") {
    val ask = new LongDocumentTransformer().setInputCol("summary").setOutputCol("again").setMaxNewTokens(4)
    val model = new Pipeline().setStages(Array[PipelineStage](summarize, ask)).fit(articles)
    val path = emptyFolder().resolve("pipeline").toString
    model.write.save(path)
    val expected = byId(model.transform(articles)).map { case (id, row) => id -> row.getAs[String]("again") }
    val actual = byId(PipelineModel.load(path).transform(articles)).map { case (id, row) =>
      id -> row.getAs[String]("again")
    }
    assert(expected == actual && expected.values.count(_ != null) >= 1)
    assert(model.transform(articles).schema("again").dataType == StringType)
  }
}
