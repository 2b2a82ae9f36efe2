package org.longform.read

import scala.collection.JavaConverters._

import org.longform.datasets.tasks.{NeedleCase, NeedleCases, NeedleRequest}
import org.longform.decoding.{DecodingStrategies, DecodingStrategy}
import org.longform.kernels.error.ErrorClass
import org.longform.options.Options
import org.longform.prompt.Task
import org.longform.runtime.LongformRuntime
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** Documents read by the bundled model, answered with guesses and without. */
class GuessedAnswersSuite extends AnyFunSuite with BeforeAndAfterAll {
  override def afterAll(): Unit = LongformRuntime.shutdown()

  private lazy val model = LongformRuntime.model(Options.defaults())

  private lazy val needle: NeedleCase = {
    val card = NeedleRequest.ofCard(1024)
    val request = new NeedleRequest(1024, card.depths(), 1, card.firstArticle())
    new NeedleCases(request, text => 1 + model.tokenizer().count(text).toInt).asScala.next()
  }

  private lazy val questions: Seq[String] =
    needle.questions().asScala.map(_.fact().question()).toSeq ++ Seq("Who wrote this?", "Why?")

  private def ask(options: (String, String)*): Seq[Answer] =
    LongformRuntime
      .reader(options.toMap.asJava)
      .read(new ReadRequest(needle.text(), Task.ASK, questions.asJava, "a row", ReadListener.NONE))
      .asScala
      .toList

  private def write(prompt: String, options: (String, String)*): Answer =
    LongformRuntime
      .reader(options.toMap.asJava)
      .read(new ReadRequest(prompt, Task.GENERATE, Seq("").asJava, "a row", ReadListener.NONE))
      .get(0)

  private def told(answer: Answer) =
    (answer.value(), answer.error(), answer.finishReason(), answer.outputTokens(), answer.evidence())

  private def options(strategy: DecodingStrategy): Seq[(String, String)] =
    Seq("decoding" -> strategy.name()) ++
      (if (strategy.name() == "draft-model") Seq("draft_model" -> "longform-tiny") else Nil)

  private def steps[A](body: => A): (A, Long) = {
    val before = LongformRuntime.stats().decodeSteps()
    val result = body
    (result, LongformRuntime.stats().decodeSteps() - before)
  }

  private val guessing = DecodingStrategies.ALL.asScala.filter(_.guesses()).toSeq

  for (strategy <- guessing; context <- Seq("full", "streaming", "lm-infinite", "reattention"))
    test(s"${strategy.name()} under $context answers, cites and stops as plain decoding") {
      val plain = ask("context" -> context)
      val guessed = ask(options(strategy) :+ ("context" -> context): _*)
      assert(plain.forall(_.error() == null))
      assert(guessed.map(told) == plain.map(told))
      assert(guessed.head.method().startsWith(context))
      assert(guessed.head.method().contains(s", decoding ${strategy.name()}"))
    }

  for (strategy <- guessing)
    test(s"${strategy.name()} takes fewer steps for a long answer, which is the same") {
      val prompt = needle.text().take(600)
      val (plain, plainSteps) = steps(write(prompt, "max_new_tokens" -> "120"))
      val (guessed, guessedSteps) = steps(write(prompt, options(strategy) :+ ("max_new_tokens" -> "120"): _*))
      assert(told(guessed) == told(plain))
      assert(plainSteps == plain.outputTokens() - 1)
      assert(guessedSteps < plainSteps)
    }

  test("sampled answers of strategies that only guess from text are those of plain decoding") {
    val some = Seq("temperature" -> "0.9", "seed" -> "5", "max_new_tokens" -> "30")
    for (name <- Seq("lookahead", "prompt-lookup"))
      assert(ask(some :+ ("decoding" -> name): _*).map(told) == ask(some: _*).map(told))
  }

  test("a draft model's answers with a temperature are the same again") {
    val some = Seq("temperature" -> "0.9", "decoding" -> "draft-model", "draft_model" -> "longform-tiny")
    assert(ask(some: _*).map(told) == ask(some: _*).map(told))
  }

  test("a perplexity has nothing to guess") {
    val reader =
      LongformRuntime.reader(Map("decoding" -> "draft-model", "draft_model" -> "longform-tiny").asJava)
    def of(reader: DocumentReader): Answer =
      reader
        .read(new ReadRequest(needle.text(), Task.PERPLEXITY, Seq("").asJava, "a row", ReadListener.NONE))
        .get(0)
    assert(of(reader).value() == of(LongformRuntime.reader(Map.empty[String, String].asJava)).value())
  }

  test("a model that is missing, not there, or not allowed is an error with a sentence") {
    def refusal(some: (String, String)*): String = {
      val answers = ask(some: _*)
      assert(answers.forall(_.error() != null))
      answers.head.error().message()
    }
    assert(
      refusal("decoding" -> "draft-model").startsWith(
        "Cannot use decoding 'draft-model': option 'draft_model' is missing."
      )
    )
    assert(
      refusal("decoding" -> "draft-model", "draft_model" -> "/no/such/model")
        .startsWith("Cannot find model '/no/such/model': there is no such directory or file")
    )
    assert(
      refusal("decoding" -> "llm-to-slm", "large_model" -> "longform-tiny", "projector" -> "longform-tiny")
        .contains("it has no tensor 0.weight")
    )
    val wrong = ask("decoding" -> "plain", "draft_model" -> "longform-tiny")
    assert(wrong.forall(_.error().errorClass() == ErrorClass.INVALID_OPTION))
    assert(
      wrong.head
        .error()
        .message()
        .startsWith("Cannot use option 'draft_model' with decoding 'plain': it belongs to draft-model")
    )
  }
}
