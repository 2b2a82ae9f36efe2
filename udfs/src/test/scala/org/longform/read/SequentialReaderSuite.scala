package org.longform.read

import java.util.concurrent.atomic.AtomicLong

import scala.collection.JavaConverters._

import org.longform.datasets.tasks.{NeedleCase, NeedleCases, NeedleRequest}
import org.longform.kernels.error.ErrorClass
import org.longform.prompt.Task
import org.longform.runtime.LongformRuntime
import org.longform.tokenizer.Tokenizer
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** Whole documents read by the bundled model. */
class SequentialReaderSuite extends AnyFunSuite with BeforeAndAfterAll {
  override def afterAll(): Unit = LongformRuntime.shutdown()

  private def reader(options: (String, String)*): DocumentReader =
    LongformRuntime.reader(options.toMap.asJava)

  private def needles(lengthTokens: Int, perDepth: Int): Seq[NeedleCase] = {
    val card = NeedleRequest.ofCard(lengthTokens)
    val request = new NeedleRequest(lengthTokens, card.depths(), perDepth, card.firstArticle())
    val counter = reader()
    new NeedleCases(request, text => 1 + counter.countTokens(text).toInt).asScala.toList
  }

  private def ask(reader: DocumentReader, needle: NeedleCase, listener: ReadListener = ReadListener.NONE) =
    reader
      .read(
        new ReadRequest(
          needle.text(),
          Task.ASK,
          needle.questions().asScala.map(_.fact().question()).asJava,
          needle.id(),
          listener
        )
      )
      .asScala
      .toList

  private def correct(reader: DocumentReader, needle: NeedleCase): Int =
    ask(reader, needle).zip(needle.questions().asScala).count { case (answer, asked) =>
      answer.value() == asked.fact().answer()
    }

  test("inside the trained window every strategy answers every question") {
    val cases = needles(512, 2)
    val questions = cases.map(_.questions().size()).sum
    assert(questions == 10)
    for (context <- Seq("full", "streaming", "lm-infinite", "reattention"))
      assert(cases.map(correct(reader("context" -> context), _)).sum == questions, context)
  }

  test("at four times the trained window ReAttention finds facts, full attention none") {
    val cases = needles(2048, 2)
    assert(cases.map(correct(reader("context" -> "reattention"), _)).sum >= 8)
    assert(cases.map(correct(reader("context" -> "full"), _)).sum == 0)
  }

  test("the best evidence of a correct answer is the sentence that states it") {
    var correctAnswers = 0
    for (needle <- needles(1024, 1) ++ needles(4096, 1))
      for ((answer, asked) <- ask(reader(), needle).zip(needle.questions().asScala))
        if (answer.value() == asked.fact().answer()) {
          correctAnswers += 1
          val best = answer.evidence().get(0)
          assert(best.start() <= asked.fact().start() && best.end() >= asked.fact().end() - 1)
          assert(best.text() == needle.text().substring(best.start().toInt, best.end().toInt))
          val scores = answer.evidence().asScala.map(_.score())
          assert(scores == scores.sorted.reverse && scores.sum <= 1.0 + 1e-9)
        }
    assert(correctAnswers >= 7)
  }

  test("a document is prefilled once for all its questions") {
    val needle = needles(2048, 2).maxBy(_.questions().size())
    assert(needle.questions().size() >= 2)
    val read = new AtomicLong
    val counting = new ReadListener { override def tokensRead(tokens: Long): Unit = read.addAndGet(tokens) }
    val answers = ask(reader(), needle, counting)
    val tokenizer = Tokenizer.load(org.longform.datasets.models.BundledModels.localDirectory("longform-tiny"))
    try {
      val document = tokenizer.count(needle.text())
      val questions = needle
        .questions()
        .asScala
        .map(asked => tokenizer.count("\n\nQuestion: " + asked.fact().question() + "\nAnswer:"))
        .sum
      assert(read.get() == document + questions)
      // begin-of-text, document and question
      val first =
        tokenizer.count("\n\nQuestion: " + needle.questions().get(0).fact().question() + "\nAnswer:")
      assert(answers.head.inputTokens() == 1 + document + first)
    } finally tokenizer.close()
  }

  test("asking several questions at once gives the same answers as one after the other") {
    val needle = needles(1024, 1).head
    val together = ask(reader(), needle).map(_.value())
    val alone = needle.questions().asScala.toList.map { asked =>
      reader()
        .read(
          new ReadRequest(
            needle.text(),
            Task.ASK,
            List(asked.fact().question()).asJava,
            "other",
            ReadListener.NONE
          )
        )
        .get(0)
        .value()
    }
    assert(together == alone)
  }

  test("LM-Infinite's memory does not grow with the document, ReAttention's does") {
    def peak(context: String, tokens: Int): Long = {
      val before = LongformRuntime.stats()
      assert(before.kvBytes() == 0, "keys and values of an earlier document are still here")
      val highest = new AtomicLong
      val listener = new ReadListener {
        override def tokensRead(read: Long): Unit =
          highest.accumulateAndGet(LongformRuntime.stats().kvBytes(), (a, b) => math.max(a, b))
      }
      ask(reader("context" -> context), needles(tokens, 1).head, listener)
      highest.get()
    }
    assert(peak("lm-infinite", 4096) <= peak("lm-infinite", 1024) * 5 / 4)
    assert(peak("reattention", 4096) > peak("reattention", 1024) * 2)
    assert(LongformRuntime.stats().kvBytes() == 0)
  }

  test("a cancelled reading ends with an error of class CANCELLED and frees its memory") {
    val cancelled = new ReadListener {
      private var read = 0L
      override def tokensRead(tokens: Long): Unit = read += tokens
      override def cancelled(): Boolean = read > 500
    }
    val answers = ask(reader(), needles(2048, 1).head, cancelled)
    assert(answers.nonEmpty && answers.forall(_.error().errorClass() == ErrorClass.CANCELLED))
    assert(answers.forall(_.finishReason() == "cancelled"))
    assert(LongformRuntime.stats().kvBytes() == 0)
  }

  test("a cancelled answer ends within one token") {
    val written = new AtomicLong
    val listener = new ReadListener {
      override def tokensGenerated(tokens: Long): Unit = written.addAndGet(tokens)
      override def cancelled(): Boolean = written.get >= 3
    }
    val answers = ask(reader(), needles(512, 1).head, listener)
    assert(answers.forall(_.error().errorClass() == ErrorClass.CANCELLED))
    // answers that are written together each choose the token of this step
    assert(written.get >= 3 && written.get < 3 + answers.size)
    assert(LongformRuntime.stats().kvBytes() == 0)
  }

  private def pausing(millis: Long)(when: => Boolean): ReadListener = new ReadListener {
    private var paused = false
    private def pause(): Unit = if (!paused && when) {
      paused = true
      Thread.sleep(millis)
    }
    override def tokensRead(tokens: Long): Unit = pause()
    override def tokensGenerated(tokens: Long): Unit = pause()
  }

  test("a row over its time ends in the document, with an error of its own and its memory free") {
    val failed = LongformRuntime.stats().failedRows()
    val answers = ask(reader("row_timeout" -> "1s"), needles(2048, 1).head, pausing(1100)(true))
    assert(answers.nonEmpty)
    for (answer <- answers) {
      assert(answer.value() == null && answer.finishReason() == "error")
      assert(answer.error().errorClass() == ErrorClass.ROW_TIMEOUT)
      assert(
        answer
          .error()
          .message()
          .matches(
            "Cannot go on reading after \\d+ tokens: the row took longer than row_timeout \\(1s\\)\\. " +
              "Raise it, leave it out, or choose a context that reads faster\\."
          ),
        answer.error().message()
      )
    }
    assert(LongformRuntime.stats().kvBytes() == 0)
    assert(LongformRuntime.stats().failedRows() == failed + answers.size)
  }

  test("answers given in time stay when another one takes too long") {
    // with answers of different lengths
    val (needle, whole) = needles(1024, 6)
      .filter(_.questions().size() >= 2)
      .map(needle => needle -> ask(reader(), needle))
      .maxBy { case (_, answers) => answers.map(_.outputTokens()).max - answers.map(_.outputTokens()).min }
    // they are written together, a token of each at a time
    val shortest = whole.map(_.outputTokens()).min
    val start = LongformRuntime.stats().tokensGenerated()
    val answers = ask(
      reader("row_timeout" -> "4s"),
      needle,
      pausing(4100)(LongformRuntime.stats().tokensGenerated() > start + shortest * whole.size)
    )
    val (inTime, late) = answers.zip(whole).partition(_._2.outputTokens() <= shortest)
    assert(inTime.nonEmpty && late.exists(_._2.outputTokens() > shortest + 1))
    for ((answer, same) <- inTime) assert(answer.value() == same.value() && answer.error() == null)
    for ((answer, other) <- late if other.outputTokens() > shortest + 1)
      assert(answer.error().errorClass() == ErrorClass.ROW_TIMEOUT)
  }

  test("all readings of a row share its time, waiting for the model does not count") {
    def option(context: String) = org.longform.options.Options
      .ofCall(Map("context" -> context, "row_timeout" -> "1s").asJava)
    val asks = Seq("lm-infinite", "streaming").map(context =>
      new Ask(Task.SUMMARIZE, List("").asJava, option(context))
    )
    val answers =
      LongformRuntime.readTogether(needles(2048, 1).head.text(), asks.asJava, pausing(1100)(true))
    assert(answers.asScala.map(_.get(0).error().errorClass()).toSet == Set(ErrorClass.ROW_TIMEOUT))
    assert(answers.get(1).get(0).error().message().startsWith("Cannot go on reading after 0 tokens"))
    val clock = new RowClock
    clock.exclude(java.time.Duration.ofHours(1).toNanos)
    Thread.sleep(5)
    assert(!clock.exceeds(java.time.Duration.ZERO))
    assert(new RowClock().exceeds(java.time.Duration.ofNanos(-1)))
  }

  test("who is interrupted while the model loads does not spoil it for others") {
    LongformRuntime.shutdown()
    Thread.currentThread().interrupt()
    val text = "Results: a text that is read later."
    def read() =
      reader().read(new ReadRequest(text, Task.SUMMARIZE, List("").asJava, "k", ReadListener.NONE)).get(0)
    val interrupted = read()
    assert(Thread.interrupted(), "the interrupt must be kept for the caller")
    assert(interrupted.error().errorClass() == ErrorClass.CANCELLED)
    assert(interrupted.error().message().startsWith("Cannot wait for model 'longform-tiny'"))
    assert(read().error() == null)
  }

  test("what is attended to and held is told while the document is read") {
    val attended = new AtomicLong
    val held = new AtomicLong
    var early = (0L, 0L)
    val listener = new ReadListener {
      override def tokensAttended(tokens: Long): Unit = attended.addAndGet(tokens)
      override def kvHeld(bytes: Long): Unit = held.accumulateAndGet(bytes, (a, b) => math.max(a, b))
      override def tokensRead(tokens: Long): Unit =
        if (early._1 == 0 && attended.get > 0) early = (attended.get, held.get)
    }
    val answers = ask(reader(), needles(2048, 1).head, listener)
    assert(early._1 > 0 && early._1 < attended.get && early._2 > 0 && early._2 < held.get)
    assert(answers.last.attendedTokens() == attended.get)
  }

  test(
    "perplexity stays flat beyond the trained window under LM-Infinite and explodes under full attention"
  ) {
    val text = needles(4096, 1).head.text()
    def perplexity(context: String): Double =
      reader("context" -> context)
        .read(new ReadRequest(text, Task.PERPLEXITY, List("").asJava, "p", ReadListener.NONE))
        .get(0)
        .value()
        .toDouble
    assert(perplexity("lm-infinite") < 2.6)
    assert(perplexity("full") > 8)
  }

  test("a limit on the input is told, and nothing else ever cuts a document") {
    val needle = needles(1024, 1).head
    val cut = ask(reader("max_input_tokens" -> "300"), needle)
    assert(cut.forall(answer => answer.truncated() && answer.inputTokens() < 350))
    assert(ask(reader(), needle).forall(answer => !answer.truncated() && answer.inputTokens() > 800))
  }

  test("an unknown model is an error of the row that says where it looked") {
    val failure = intercept[Exception](
      LongformRuntime.validate(Map("model" -> "/no/such/model").asJava)
    )
    assert(failure.getMessage.contains("Cannot find model '/no/such/model': there is no such directory"))
    val answer = reader("model" -> "/no/such/model")
      .read(new ReadRequest("text", Task.ASK, List("q").asJava, "k", ReadListener.NONE))
      .get(0)
    assert(answer.value() == null && answer.error().errorClass() == ErrorClass.INVALID_MODEL)
  }

  test("a document whose keys and values are four times the memory for them has the same answers") {
    val needle = needles(4096, 1).head
    for (context <- Seq("reattention", "full")) {
      val onDisk = new AtomicLong
      val listener = new ReadListener {
        override def tokensRead(tokens: Long): Unit =
          onDisk.accumulateAndGet(LongformRuntime.stats().kvDiskBytes(), (a, b) => math.max(a, b))
      }
      val whole = ask(reader("context" -> context), needle)
      val bytes = LongformRuntime.stats().peakKvBytes()
      val parted = ask(reader("context" -> context, "kv_memory" -> (bytes / 4).toString), needle, listener)
      assert(parted.map(_.value()) == whole.map(_.value()) && whole.forall(_.error() == null))
      assert(parted.map(_.evidence()) == whole.map(_.evidence()))
      assert(onDisk.get() > bytes * 6 / 10)
      assert(LongformRuntime.stats().kvDiskBytes() == 0 && LongformRuntime.stats().kvBytes() == 0)
      assert(LongformRuntime.stats().peakKvDiskBytes() >= onDisk.get())
    }
  }

  test("where there is neither memory nor a directory for keys and values the row says so") {
    val answers =
      ask(reader("kv_memory" -> "0", "kv_directory" -> "/no/such/place"), needles(1024, 1).head)
    assert(answers.nonEmpty)
    for (answer <- answers) {
      assert(answer.value() == null && answer.error().errorClass() == ErrorClass.OUT_OF_MEMORY)
      assert(answer.error().message().contains("Cannot move keys and values to disk"))
      assert(answer.error().message().contains("directory /no/such/place"))
    }
    assert(LongformRuntime.stats().kvBytes() == 0)
  }
}
