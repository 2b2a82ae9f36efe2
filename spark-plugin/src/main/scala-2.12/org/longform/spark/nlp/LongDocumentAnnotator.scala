package org.longform.spark.nlp

import com.johnsnowlabs.nlp.{
  Annotation,
  AnnotatorModel,
  AnnotatorType,
  HasBatchedAnnotate,
  ParamsAndFeaturesReadable
}
import org.apache.spark.TaskContext
import org.apache.spark.ml.param.{Param, Params, StringArrayParam}
import org.apache.spark.ml.util.Identifiable
import org.apache.spark.sql.Dataset
import org.longform.grammar.Labels
import org.longform.options.{
  ContextOptions,
  GenerationOptions,
  ModelOptions,
  Option => LongformOption,
  Options
}
import org.longform.options.PromptOptions
import org.longform.prompt.Task
import org.longform.runtime.LongformRuntime
import org.longform.spark.conf.OptionParams
import org.longform.spark.task.StageTask
import org.longform.sql.{SessionConf, SqlFunctions}

import scala.collection.JavaConverters._

/** A Spark NLP annotator that reads documents of any length: DOCUMENT in, DOCUMENT out, one for one.
  *
  * It stands behind `DocumentAssembler` and before `Finisher`, in a `Pipeline` or a `LightPipeline`. The
  * result of an annotation is the model's answer; its metadata are those of the document, and beside them
  * `finish_reason`, `input_tokens`, `output_tokens`, `method`, `model` and `model_revision`. A document that
  * cannot be read gives an empty result with `error_class` and `error` in its metadata, unless option
  * `fail_on_error` is set.
  */
class LongDocumentAnnotator(override val uid: String)
    extends AnnotatorModel[LongDocumentAnnotator]
    with HasBatchedAnnotate[LongDocumentAnnotator] {

  def this() = this(Identifiable.randomUID("longform_annotator"))

  override val outputAnnotatorType: String = AnnotatorType.DOCUMENT
  override val inputAnnotatorTypes: Array[String] = Array(AnnotatorType.DOCUMENT)

  private val optionParams = new OptionParams(uid)

  // What the driver found, paths made absolute: it travels to the executors with the stage. A LightPipeline has
  // no tasks and asks when it reads.
  private var driverOptions: Option[Options] = None

  /** What to do: summarize, ask, classify, extract, filter, generate or perplexity. */
  val task = new Param[String](
    uid,
    "task",
    "What to do: summarize, ask, classify, extract, filter, generate or perplexity."
  )

  /** What task ask asks of each document, for task filter the condition. */
  val question =
    new Param[String](uid, "question", "What task ask asks of each document, for task filter the condition.")

  /** What task classify chooses from, or the keys that task extract fills. */
  val labels = new StringArrayParam(this, "labels", "What task classify chooses from, or extract fills.")

  /** JSON schema of what task extract takes out of each document. */
  val schema =
    new Param[String](uid, "schema", "JSON schema of what task extract takes out of each document.")

  setDefault(batchSize -> 8)

  // Spark ML finds parameters by public getters: the fixed ones here, and one for each option
  override lazy val params: Array[Param[_]] = {
    val getters = getClass.getMethods.filter { method =>
      classOf[Param[_]].isAssignableFrom(method.getReturnType) && method.getParameterCount == 0
    }
    optionParams.after(getters.map(_.invoke(this).asInstanceOf[Param[_]]).sortBy(_.name): _*)
  }

  def setTask(word: String): this.type = set(task, word)

  def setQuestion(text: String): this.type = set(question, text)

  def setLabels(texts: Array[String]): this.type = set(labels, texts)

  def setSchema(json: String): this.type = set(schema, json)

  def setModel(model: String): this.type = setOption(ModelOptions.MODEL, model)

  def setContext(strategy: String): this.type = setOption(ContextOptions.CONTEXT, strategy)

  def setSystemPrompt(text: String): this.type = setOption(PromptOptions.SYSTEM_PROMPT, text)

  def setMaxWords(words: Int): this.type = setOption(PromptOptions.MAX_WORDS, words.toString)

  def setMaxNewTokens(tokens: Int): this.type = setOption(GenerationOptions.MAX_NEW_TOKENS, tokens.toString)

  def setTemperature(value: Double): this.type = setOption(GenerationOptions.TEMPERATURE, value.toString)

  def setSeed(seed: Long): this.type = setOption(GenerationOptions.SEED, seed.toString)

  /** Sets any option as a SQL option map would: `setOption("local_size", "4096")`. */
  def setOption(key: String, value: String): this.type = {
    optionParams.set(this.asInstanceOf[Params], key, value)
    this
  }

  private def setOption(option: LongformOption[_], value: String): this.type = setOption(option.sqlKey, value)

  /** Checks the task, the options and the model, before anything runs. */
  override protected def beforeAnnotate(dataset: Dataset[_]): Dataset[_] = {
    checkedTask
    val options = effectiveOptions
    LongformRuntime.validate(options)
    driverOptions = Some(options)
    dataset
  }

  /** One list of annotations for each row, one annotation for each document of the row. */
  override def batchAnnotate(rows: Seq[Array[Annotation]]): Seq[Seq[Annotation]] = {
    val options =
      if (TaskContext.get() == null) effectiveOptions else driverOptions.getOrElse(effectiveOptions)
    val reader = new AnnotationReader(checkedTask, askedQuestion, options)
    rows.map(_.map(reader.read).toSeq)
  }

  private def effectiveOptions: Options =
    LongformRuntime.portable(SessionConf.options().and(Options.ofCall(optionParams.texts(this))))

  private def askedQuestion: String =
    get(schema)
      .orElse(get(labels).map(texts => Labels.toJson(texts.toSeq.asJava)))
      .getOrElse(get(question).getOrElse(""))

  private def checkedTask: Task = {
    val checked = StageTask.of(optional(get(task)), optional(get(question)))
    val wanted = StageTask.literals(checked, optional(get(labels).map(_.toSeq.asJava)), optional(get(schema)))
    if (!wanted.isEmpty) {
      SqlFunctions.valueType(checked.word, wanted)
    }
    checked
  }

  private def optional[T](value: Option[T]): java.util.Optional[T] =
    value.map(java.util.Optional.of(_)).getOrElse(java.util.Optional.empty[T]())
}

/** Loads saved annotators. */
object LongDocumentAnnotator extends ParamsAndFeaturesReadable[LongDocumentAnnotator]
