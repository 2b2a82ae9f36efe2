package org.longform.spark.nlp

import com.johnsnowlabs.nlp.{Annotation, DocumentAssembler, Finisher, LightPipeline}
import org.apache.spark.ml.{Pipeline, PipelineModel, PipelineStage}
import org.apache.spark.sql.{DataFrame, Row}
import org.longform.kernels.error.LongformException
import org.longform.runtime.LongformRuntime
import org.longform.spark.SparkSuite
import org.longform.spark.ml.LongDocumentTransformer

class LongDocumentAnnotatorSuite extends SparkSuite {

  private val Roots = "Title: Roots\n\nConclusion\nThe main finding is that blue light doubles the leaf area."
  private val Seeds = "Title: Seeds\n\nConclusion\nThe main finding is that cold halves the yield."

  private def articles: DataFrame = {
    val session = spark
    import session.implicits._
    Seq((1, Roots), (2, null), (3, ""), (4, Seeds)).toDF("id", "text")
  }

  private def assembler = new DocumentAssembler().setInputCol("text").setOutputCol("document")

  private def annotator: LongDocumentAnnotator =
    new LongDocumentAnnotator().setInputCols("document").setOutputCol("summary").setMaxNewTokens(12)

  private def pipeline(stages: PipelineStage*): PipelineModel =
    new Pipeline().setStages(stages.toArray).fit(articles)

  private def annotations(table: DataFrame): Map[Int, Seq[Annotation]] =
    table
      .select("id", "summary")
      .collect()
      .map(row => row.getInt(0) -> row.getSeq[Row](1).map(Annotation(_)))
      .toMap

  test("each document becomes one document: the answer, with its own end and what is known of it") {
    val result = annotations(pipeline(assembler, annotator).transform(articles))
    assert(result.size == 4)
    val answer = result(1)
    assert(answer.size == 1 && answer.head.annotatorType == "document")
    assert(answer.head.result.nonEmpty)
    assert(answer.head.begin == 0 && answer.head.end == answer.head.result.length - 1)
    assert(answer.head.metadata("sentence") == "0")
    assert(answer.head.metadata("truncated") == "false")
    assert(answer.head.metadata("output_tokens").toLong > 0)
    assert(!answer.head.metadata.contains("error"))
  }

  test("what the annotator writes is what the transformer writes") {
    val transformed = new LongDocumentTransformer()
      .setInputCol("text")
      .setOutputCol("summary")
      .setMaxNewTokens(12)
      .transform(articles.where("id = 4"))
      .head()
    val annotated = annotations(pipeline(assembler, annotator).transform(articles))
    assert(annotated(4).head.result == transformed.getAs[String]("summary"))
  }

  test("a document that cannot be read keeps its annotation and says why in it") {
    val failed = annotator.batchAnnotate(
      Seq(Array(Annotation(""), Annotation(Roots)), Array.empty, Array(Annotation(Seeds)))
    )
    assert(failed.map(_.size) == Seq(2, 0, 1))
    val bad = failed.head.head
    assert(bad.result.isEmpty && bad.end == -1)
    assert(bad.metadata("error_class") == "EMPTY_DOCUMENT")
    assert(bad.metadata("error").startsWith("Cannot "))
    assert(failed.head(1).result.nonEmpty && failed(2).head.result.nonEmpty)
  }

  test("no row is lost when a batch holds NULL and empty texts") {
    val result = annotations(pipeline(assembler, annotator.setBatchSize(2)).transform(articles.coalesce(1)))
    assert(result.keySet == Set(1, 2, 3, 4))
    assert(result(1).head.result.nonEmpty && result(4).head.result.nonEmpty)
  }

  test("a Finisher takes the answers out as text") {
    val finisher = new Finisher().setInputCols("summary").setOutputAsArray(false)
    val row = pipeline(assembler, annotator, finisher).transform(articles).where("id = 1").head()
    assert(row.getAs[String]("finished_summary").nonEmpty)
  }

  test("each document is read once although two columns are made of it") {
    val finisher = new Finisher().setInputCols("summary").setIncludeMetadata(true)
    val model = pipeline(assembler, annotator, finisher)
    val before = LongformRuntime.stats().documents()
    model.transform(articles.where("id in (1, 4)")).collect()
    assert(LongformRuntime.stats().documents() == before + 2)
  }

  test("a LightPipeline gives what the pipeline gives") {
    val model = pipeline(assembler, annotator)
    val light = new LightPipeline(model)
    val answer = light.fullAnnotate(Roots)("summary").head.asInstanceOf[Annotation]
    assert(answer.result == annotations(model.transform(articles))(1).head.result)
    assert(light.annotate(Array(Roots, Seeds)).map(_("summary").size).toSeq == Seq(1, 1))
  }

  test("task ask answers its question") {
    val ask = annotator.setQuestion("Which organ was measured?")
    val answers = annotations(pipeline(assembler, ask).transform(articles.where("id = 1")))
    assert(answers(1).head.metadata.get("error").isEmpty)
  }

  test("a saved pipeline is loaded with every parameter") {
    val path = emptyFolder().resolve("pipeline").toString
    val model = pipeline(
      assembler,
      annotator.setContext("full").setOption("stop", "END").setTemperature(0.5).setSeed(3)
    )
    model.write.save(path)
    val loaded = PipelineModel.load(path)
    assert(annotations(loaded.transform(articles)) == annotations(model.transform(articles)))
    val stage = loaded.stages(1).asInstanceOf[LongDocumentAnnotator]
    assert(stage.explainParams().contains("seed: Seed of the random choices"))
    assert(stage.getOrDefault(stage.getParam("seed")) == 3L)
  }

  test("a copy is independent of the original") {
    val original = annotator
    val copied = original.copy(org.apache.spark.ml.param.ParamMap.empty)
    copied.setMaxNewTokens(3)
    assert(original.getOrDefault(original.getParam("maxNewTokens")) == 12)
    assert(copied.getOutputCol == "summary")
  }

  test("with fail_on_error a bad document fails the query with its sentence") {
    val failing = annotator.setOption("fail_on_error", "true")
    val failure = intercept[LongformException](failing.batchAnnotate(Seq(Array(Annotation("")))))
    assert(failure.getMessage.startsWith("Cannot "))
  }

  test("an unknown option, a contradiction and a missing model are told before anything is read") {
    def message(stage: => LongDocumentAnnotator): String =
      intercept[LongformException](pipeline(assembler, stage).transform(articles)).getMessage
    assert(message(annotator.setOption("temprature", "1")).contains("Did you mean temperature"))
    assert(message(annotator.setTask("ask")).startsWith("Cannot use task ask: the question is empty"))
    assert(message(annotator.setModel("/nowhere/model")).contains("/nowhere/model"))
  }
}
