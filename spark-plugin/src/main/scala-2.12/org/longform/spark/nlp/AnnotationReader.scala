package org.longform.spark.nlp

import com.johnsnowlabs.nlp.{Annotation, AnnotatorType}
import org.apache.spark.TaskContext
import org.longform.kernels.error.LongformException
import org.longform.options.{Options, RuntimeOptions}
import org.longform.prompt.Task
import org.longform.read.{Answer, AnswerError, ReadRequest}
import org.longform.runtime.{LongformRuntime, RowKey}
import org.longform.sql.TaskListener

/** Turns one document annotation into the annotation of its answer. */
private[nlp] final class AnnotationReader(task: Task, question: String, options: Options) {

  /** The answer to one document; an error becomes metadata, so that no annotation is ever lost. */
  def read(document: Annotation): Annotation = {
    val listener = new TaskListener(TaskContext.get())
    val questions = java.util.Collections.singletonList(question)
    val key = RowKey.of(document.result)
    val request = new ReadRequest(document.result, task, questions, key, listener)
    val answer = LongformRuntime.reader(options).read(request).get(0)
    Option(answer.error).foreach { error =>
      listener.killIfCancelled()
      failIfWanted(error)
    }
    val text = Option(answer.value).getOrElse("")
    // end is inclusive in Spark NLP: an empty result ends at -1
    Annotation(AnnotatorType.DOCUMENT, 0, text.length - 1, text, document.metadata ++ facts(answer))
  }

  private def failIfWanted(error: AnswerError): Unit =
    if (options.get(RuntimeOptions.FAIL_ON_ERROR)) {
      throw new LongformException(error.errorClass, error.message)
    }

  private def facts(answer: Answer): Map[String, String] = {
    val error = Option(answer.error)
      .map(error => Map("error_class" -> error.errorClass.name, "error" -> error.message))
      .getOrElse(Map.empty[String, String])
    Map(
      "finish_reason" -> answer.finishReason,
      "input_tokens" -> answer.inputTokens.toString,
      "output_tokens" -> answer.outputTokens.toString,
      "truncated" -> answer.truncated.toString,
      "method" -> answer.method,
      "model" -> answer.model,
      "model_revision" -> answer.modelRevision
    ) ++ error
  }
}
