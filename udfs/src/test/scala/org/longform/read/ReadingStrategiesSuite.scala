package org.longform.read

import java.util.concurrent.atomic.AtomicLong

import org.longform.datasets.tasks.{NeedleCase, NeedleCases, NeedleRequest}
import org.longform.feed.ReadingStrategies
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.options.Options
import org.longform.prompt.Task
import org.longform.runtime.LongformRuntime
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** Whole documents read by the bundled model for their questions. */
class ReadingStrategiesSuite extends AnyFunSuite with BeforeAndAfterAll {
  override def afterAll(): Unit = LongformRuntime.shutdown()

  private val forQuestion =
    ReadingStrategies.ALL.asScala.filter(_.readsForQuestion()).map(_.name()).toSeq

  private def reader(options: (String, String)*): DocumentReader =
    LongformRuntime.reader(options.toMap.asJava)

  private def needles(lengthTokens: Int, perDepth: Int): Seq[NeedleCase] = {
    val card = NeedleRequest.ofCard(lengthTokens)
    val request = new NeedleRequest(lengthTokens, card.depths(), perDepth, card.firstArticle())
    val counter = reader()
    new NeedleCases(request, text => 1 + counter.countTokens(text).toInt).asScala.toList
  }

  private def ask(
      reader: DocumentReader,
      text: String,
      questions: Seq[String],
      listener: ReadListener = ReadListener.NONE,
      task: Task = Task.ASK
  ): Seq[Answer] =
    reader.read(new ReadRequest(text, task, questions.asJava, "a row", listener)).asScala.toList

  private def questionsOf(needle: NeedleCase) = needle.questions().asScala.map(_.fact().question()).toList

  /** All of an answer but the time it took and what else was asked. */
  private def told(answer: Answer) =
    (
      answer.value(),
      answer.finishReason(),
      answer.inputTokens(),
      answer.outputTokens(),
      answer.evidence(),
      answer.seed()
    )

  for (reading <- forQuestion) {
    test(s"$reading answers inside the trained window like sequential reading does, most of the time") {
      val cases = needles(128, 2)
      var correct = 0
      var questions = 0
      for (needle <- cases) {
        val answers = ask(reader("reading" -> reading), needle.text(), questionsOf(needle))
        for ((answer, asked) <- answers.zip(needle.questions().asScala)) {
          questions += 1
          if (answer.value() == asked.fact().answer()) correct += 1
        }
      }
      assert(questions >= 5 && correct * 2 > questions, s"$correct of $questions")
    }

    test(s"$reading: several questions have the answers, evidence and counts of each alone") {
      val needle = needles(1024, 6).maxBy(_.questions().size())
      val questions = questionsOf(needle) :+ "Who wrote this?"
      val by = reader("reading" -> reading)
      val read = new AtomicLong
      val attended = new AtomicLong
      val held = new AtomicLong
      val documents = new AtomicLong
      val listener = new ReadListener {
        override def tokensRead(tokens: Long): Unit = read.addAndGet(tokens)
        override def tokensAttended(tokens: Long): Unit = attended.addAndGet(tokens)
        override def kvHeld(bytes: Long): Unit = held.accumulateAndGet(bytes, (a, b) => math.max(a, b))
        override def documentRead(): Unit = documents.incrementAndGet()
      }
      val together = ask(by, needle.text(), questions, listener)
      val alone = questions.map(question => ask(by, needle.text(), Seq(question)).head)
      assert(together.map(told) == alone.map(told) && together.forall(_.error() == null))
      assert(together.map(_.attendedTokens()) == alone.map(_.attendedTokens()))
      assert(documents.get() == 1 && attended.get() == together.map(_.attendedTokens()).sum && held.get() > 0)
      // a begin-of-text token is no token of the document; each question reads the document once
      assert(read.get() == together.map(_.inputTokens() - 1).sum)
      val sequential = ask(reader(), needle.text(), questions)
      assert(together.map(_.inputTokens()) == sequential.map(_.inputTokens()))
      assert(together.forall(!_.truncated()) && together.map(_.method()).distinct.size == 1)
      assert(together.head.method().startsWith(reading))
      for (answer <- together; each <- answer.evidence().asScala) {
        assert(each.text() == needle.text().substring(each.start().toInt, each.end().toInt))
        assert(each.score() > 0 && each.score() <= 1)
      }
      assert(together.exists(!_.evidence().isEmpty))
      assert(LongformRuntime.stats().kvBytes() == 0)
    }

    test(s"$reading: a limit on the input is told") {
      val needle = needles(1024, 1).head
      val cut = ask(
        reader("reading" -> reading, "max_input_tokens" -> "300"),
        needle.text(),
        questionsOf(needle).take(1)
      )
      assert(cut.forall(answer => answer.error() == null && answer.truncated() && answer.inputTokens() < 350))
    }

    test(s"$reading: a cancelled reading and one over its time end with their errors and free memory") {
      val needle = needles(2048, 1).head
      val cancelled = new ReadListener {
        private var read = 0L
        override def tokensRead(tokens: Long): Unit = read += tokens
        override def cancelled(): Boolean = read > 700
      }
      val stopped = ask(reader("reading" -> reading), needle.text(), Seq("Why?", "Who?"), cancelled)
      assert(stopped.size == 2 && stopped.forall(_.error().errorClass() == ErrorClass.CANCELLED))
      assert(LongformRuntime.stats().kvBytes() == 0)
      val slow = new ReadListener {
        private var paused = false
        override def tokensRead(tokens: Long): Unit = if (!paused) {
          paused = true
          Thread.sleep(1100)
        }
      }
      val late =
        ask(reader("reading" -> reading, "row_timeout" -> "1s"), needle.text(), Seq("Why?", "Who?"), slow)
      assert(late.size == 2 && late.forall(_.error().errorClass() == ErrorClass.ROW_TIMEOUT))
      assert(LongformRuntime.stats().kvBytes() == 0)
    }

    test(s"$reading: with hardly any memory for keys and values the answers are the same") {
      val needle = needles(2048, 1).head
      val questions = questionsOf(needle).take(2)
      val whole = ask(reader("reading" -> reading), needle.text(), questions)
      val parted = ask(reader("reading" -> reading, "kv_memory" -> "100000"), needle.text(), questions)
      assert(whole.map(told) == parted.map(told) && whole.forall(_.error() == null))
      assert(LongformRuntime.stats().kvBytes() == 0 && LongformRuntime.stats().kvDiskBytes() == 0)
    }

    test(s"$reading refuses perplexity, and to read for nothing") {
      val text = needles(512, 1).head.text()
      val scored = ask(reader("reading" -> reading), text, Seq(""), task = Task.PERPLEXITY).head
      assert(
        scored.error().message() ==
          s"Cannot compute a perplexity with reading '$reading': it leaves tokens out and reads others more than once, so " +
          "there is no one probability of each. Use reading 'sequential'."
      )
      val nothing = ask(reader("reading" -> reading), text, Seq(""), task = Task.GENERATE).head
      assert(
        nothing.error().message() ==
          s"Cannot use reading '$reading': it reads a document for what is asked of it, and nothing is. Ask something, or " +
          "use reading 'sequential'."
      )
      assert(ask(reader("reading" -> reading), text, Seq(""), task = Task.SUMMARIZE).head.error() == null)
    }

    test(s"$reading: a question that cannot be asked does not take the others with it") {
      val needle = needles(512, 1).head
      val questions = Seq("Why?", "word " * 600, "Who wrote this?")
      val answers = ask(reader("reading" -> reading), needle.text(), questions)
      assert(answers.size == 3 && answers.head.error() == null && answers.last.error() == null)
      assert(reading != "homer" || answers(1).error().errorClass() == ErrorClass.INVALID_OPTION)
    }

    test(s"$reading: rows of a group are read as one document, and evidence names its row") {
      val needle = needles(512, 1).head
      val rows = Seq("First row about nothing in particular.", needle.text(), "The last row.")
      val source = new DocumentSource {
        override def parts(): java.util.Iterator[Part] =
          rows.zipWithIndex
            .map { case (text, i) => new Part(s"row ${i + 1}", i + 1L, text) }
            .asJava
            .iterator()
      }
      val asked =
        new Ask(Task.ASK, questionsOf(needle).asJava, Options.ofCall(Map("reading" -> reading).asJava))
      val answers = LongformRuntime.readTogether(source, List(asked).asJava, ReadListener.NONE).get(0).asScala
      assert(
        answers.nonEmpty && answers.forall(answer => answer.error() == null && answer.rows().rows() == 3)
      )
      for (answer <- answers; each <- answer.evidence().asScala)
        assert(each.text() == rows(each.row().toInt - 1).substring(each.start().toInt, each.end().toInt))
    }
  }

  test("a context that a reading has no use for is refused, unless it was meant for another reading") {
    def refusal(options: Options): String =
      intercept[LongformException](LongformRuntime.validate(options)).getMessage
    val both = Options.ofCall(Map("reading" -> "homer", "context" -> "streaming").asJava)
    assert(
      refusal(both) ==
        "Cannot use context 'streaming' with reading 'homer': it decides itself what tokens see. Leave the context out or " +
        "choose reading 'sequential'."
    )
    val session = Options.ofSparkConf(Map("spark.longform.context" -> "streaming").asJava)
    LongformRuntime.validate(session.and(Options.ofCall(Map("reading" -> "homer").asJava)))
    LongformRuntime.validate(
      Options.ofCall(Map("reading" -> "infini-retri", "context" -> "streaming").asJava)
    )
    val guessing = Options.ofCall(Map("reading" -> "homer", "decoding" -> "lookahead").asJava)
    assert(
      refusal(guessing) ==
        "Cannot use decoding 'lookahead' with reading 'homer': nothing can read along while question and document are " +
        "merged. Use decoding 'plain' or another reading."
    )
    val foreign = Options.ofCall(Map("reading" -> "homer", "window_length" -> "100").asJava)
    assert(
      refusal(foreign) ==
        "Cannot use option 'window_length' with reading 'homer': it belongs to infini-retri (value 100). Leave it out or " +
        "choose infini-retri."
    )
  }

  test("answers of infini-retri are the same with any decoding that only guesses") {
    val needle = needles(1024, 1).head
    val plain = ask(reader("reading" -> "infini-retri"), needle.text(), questionsOf(needle))
    for (decoding <- Seq("lookahead", "prompt-lookup")) {
      val by = reader("reading" -> "infini-retri", "context" -> "full", "decoding" -> decoding)
      val same =
        ask(reader("reading" -> "infini-retri", "context" -> "full"), needle.text(), questionsOf(needle))
      val guessed = ask(by, needle.text(), questionsOf(needle))
      assert(guessed.map(_.value()) == same.map(_.value()) && guessed.forall(_.error() == null))
      assert(guessed.head.method() == s"infini-retri full, decoding $decoding")
    }
    assert(plain.forall(_.error() == null))
  }

  test("what a reading does shows in EXPLAIN") {
    def explain(options: (String, String)*): String =
      LongformRuntime.explain(Options.ofCall(options.toMap.asJava))
    assert(explain().startsWith("context reattention, model"))
    assert(explain().contains(", KV 1,024 bytes a token, grows with the document"))
    // 6 query heads of 32 in 4 layers, 4 bytes a number, a key for 8 tokens
    assert(
      explain("context" -> "infllm").contains(
        "grows with the document, and 384 bytes a token on the Java heap"
      )
    )
    assert(
      explain("decoding" -> "draft-model", "draft_model" -> "longform-tiny").contains(
        "grows with the document, model longform-tiny beside it KV 1,024 bytes a token, grows with the document"
      )
    )
    assert(explain("decoding" -> "draft-model").contains("option 'draft_model' is missing"))
    assert(
      explain("reading" -> "homer", "target_length" -> "99").startsWith(
        "reading homer{target-length=99} once for each question, model"
      )
    )
    assert(
      explain("reading" -> "infini-retri").startsWith(
        "reading infini-retri reattention once for each question"
      )
    )
    assert(
      explain("reading" -> "homer", "warmup_layers" -> "9").startsWith("fails: Cannot use reading 'homer'")
    )
  }
}
