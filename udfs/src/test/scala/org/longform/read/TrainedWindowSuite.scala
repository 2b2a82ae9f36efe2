package org.longform.read

import org.longform.datasets.tasks.{NeedleCases, NeedleRequest}
import org.longform.kernels.context.ContextStrategies
import org.longform.prompt.Task
import org.longform.runtime.LongformRuntime
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** A context is for what lies beyond the trained window; inside it nothing may get worse by much. */
class TrainedWindowSuite extends AnyFunSuite with BeforeAndAfterAll {
  override def afterAll(): Unit = LongformRuntime.shutdown()

  private val window = LongformRuntime.trainedWindow(java.util.Map.of()).toInt

  /** Right answers, and questions, about generated articles of a length. */
  private def answers(options: Map[String, String], lengthTokens: Int): (Int, Int) = {
    val reader = LongformRuntime.reader(options.asJava)
    val card = NeedleRequest.ofCard(lengthTokens)
    val request = new NeedleRequest(lengthTokens, card.depths(), 2, card.firstArticle())
    val judged = for {
      needle <- new NeedleCases(request, text => 1 + reader.countTokens(text).toInt).asScala.toList
      asked = needle.questions().asScala.map(_.fact())
      read = new ReadRequest(
        needle.text(),
        Task.ASK,
        asked.map(_.question()).asJava,
        "a row",
        ReadListener.NONE
      )
      (fact, answer) <- asked.zip(reader.read(read).asScala)
    } yield {
      assert(answer.error() == null, s"$options: ${answer.error()}")
      answer.value() == fact.answer()
    }
    (judged.count(identity), judged.size)
  }

  for (factory <- ContextStrategies.ALL.asScala) {
    val options = Map("context" -> factory.name()) ++
      (if (factory.name() == "clex") Map("frequencies" -> "ntk") else Map.empty)
    val bounded = LongformRuntime
      .readingModels(org.longform.options.Options.ofCall(options.asJava))
      .get(0)
      .mostTokensHeld()
      .isPresent
    // who forgets begins before the window is full: question and answer need room
    val length = if (bounded) window / 2 else window

    test(s"${factory.name()} answers nine of ten questions about articles of $length tokens") {
      val (right, asked) = answers(options, length)
      assert(asked >= 10 && right * 10 >= asked * 9, s"$right of $asked")
    }
  }
}
