package org.longform.read

import java.nio.file.Path
import java.util.concurrent.{CompletableFuture, CyclicBarrier, TimeUnit}
import java.util.concurrent.atomic.{AtomicBoolean, AtomicLong}

import scala.collection.JavaConverters._
import scala.collection.mutable

import org.longform.datasets.tasks.{NeedleCase, NeedleCases, NeedleRequest}
import org.longform.kernels.cache.{KvDType, KvMemory}
import org.longform.kernels.context.{ContextStrategies, ModelLimits}
import org.longform.kernels.error.ErrorClass
import org.longform.kernels.model.{DecodeBatcher, Session, SessionOptions}
import org.longform.options.Options
import org.longform.prompt.Task
import org.longform.runtime.LongformRuntime
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** Answers that are written together, within a row and across tasks, against the same ones alone. */
class AnswersTogetherSuite extends AnyFunSuite with BeforeAndAfterAll {
  override def afterAll(): Unit = LongformRuntime.shutdown()

  private lazy val model = LongformRuntime.model(Options.defaults())
  private def batcher: DecodeBatcher = model.decoder().batcher()

  private lazy val needles: Seq[NeedleCase] = {
    val card = NeedleRequest.ofCard(1024)
    val request = new NeedleRequest(1024, card.depths(), 2, card.firstArticle())
    new NeedleCases(request, text => 1 + model.tokenizer().count(text).toInt).asScala.toList
  }

  private lazy val needle: NeedleCase = needles.head

  // more than share a pass
  private lazy val questions: Seq[String] =
    needles.flatMap(_.questions().asScala.map(_.fact().question())).distinct ++
      Seq("Who wrote this?", "How many cohorts are there, and of what age?", "Why?", "What was found?")

  private def reader(options: (String, String)*): DocumentReader =
    LongformRuntime.reader(options.toMap.asJava)

  private def ask(
      reader: DocumentReader,
      text: String,
      questions: Seq[String],
      listener: ReadListener = ReadListener.NONE
  ): Seq[Answer] =
    reader.read(new ReadRequest(text, Task.ASK, questions.asJava, "a row", listener)).asScala.toList

  /** All of an answer that is the same whatever is asked beside it. */
  private def told(answer: Answer) =
    (answer.value(), answer.finishReason(), answer.inputTokens(), answer.outputTokens(), answer.evidence())

  /** Rows a pass had on average while the body ran. */
  private def rowsOfPass(body: => Any): Double = {
    val (passes, tokens) = (batcher.passes(), batcher.tokens())
    body
    (batcher.tokens() - tokens).toDouble / (batcher.passes() - passes)
  }

  private def run[A](body: => A): CompletableFuture[A] = {
    val result = new CompletableFuture[A]()
    new Thread(() =>
      try { result.complete(body); () }
      catch { case e: Throwable => result.completeExceptionally(e); () }
    ).start()
    result
  }

  private val usable =
    ContextStrategies.ALL.asScala.filterNot(_.whyUnavailable(new ModelLimits(512, 4)).isPresent)

  for (context <- usable.map(_.name()))
    test(s"several questions under $context have the answers, evidence and counts of each alone") {
      assert(questions.size > batcher.limit())
      val by = reader("context" -> context)
      val alone = questions.map(question => ask(by, needle.text(), Seq(question)).head)
      var together = Seq.empty[Answer]
      val rows = rowsOfPass { together = ask(by, needle.text(), questions) }
      assert(together.map(told) == alone.map(told))
      assert(together.forall(_.error() == null) && rows > 2)
      // what is attended to adds up over the questions, in their order
      val added = together.sliding(2).map { case Seq(a, b) => b.attendedTokens() - a.attendedTokens() }.toSeq
      assert(together.head.attendedTokens() == alone.head.attendedTokens())
      assert(added.zip(alone.tail).map { case (more, one) => one.attendedTokens() - more }.toSet.size == 1)
    }

  test("sampled answers are the same together as alone, and stop where they stop") {
    val by = reader("temperature" -> "1.2", "seed" -> "11", "max_new_tokens" -> "24", "stop" -> "[\"7\"]")
    val alone = questions.map(question => ask(by, needle.text(), Seq(question)).head)
    assert(ask(by, needle.text(), questions).map(told) == alone.map(told))
    assert(alone.map(_.outputTokens()).distinct.size > 2)
    assert(alone.map(_.value()) != ask(reader(), needle.text(), questions).map(_.value()))
  }

  test("tokens and time are told once, however many answers are written together") {
    val (read, written, decodeNanos) = (new AtomicLong, new AtomicLong, new AtomicLong)
    val listener = new ReadListener {
      override def tokensRead(tokens: Long): Unit = read.addAndGet(tokens)
      override def tokensGenerated(tokens: Long): Unit = written.addAndGet(tokens)
      override def decoded(nanos: Long): Unit = decodeNanos.addAndGet(nanos)
    }
    val before = LongformRuntime.stats()
    val began = System.nanoTime()
    val answers = ask(reader(), needle.text(), questions, listener)
    val took = System.nanoTime() - began
    val after = LongformRuntime.stats()
    assert(written.get() == answers.map(_.outputTokens()).sum)
    assert(after.tokensGenerated() - before.tokensGenerated() == written.get())
    assert(after.tokensRead() - before.tokensRead() == read.get())
    assert(after.tokensAttended() - before.tokensAttended() == answers.last.attendedTokens())
    assert(after.documents() - before.documents() == 1)
    assert(decodeNanos.get() > 0 && decodeNanos.get() < took)
    assert(answers.forall(_.latencyMs() <= TimeUnit.NANOSECONDS.toMillis(took)))
  }

  test(
    "tasks that write at the same time share passes and answer as alone; one that is cancelled disturbs none"
  ) {
    val by = reader()
    val some = needles.take(6)
    def asked(each: NeedleCase) = each.questions().asScala.map(_.fact().question()).toList
    val alone = some.map(each => ask(by, each.text(), asked(each)).map(told))
    for (round <- 0 until 3) {
      val start = new CyclicBarrier(some.size)
      val rows = rowsOfPass {
        val answers = some.zipWithIndex.map { case (each, i) =>
          run {
            val written = new AtomicLong
            val listener = new ReadListener {
              override def tokensGenerated(tokens: Long): Unit = written.addAndGet(tokens)
              // at another token each time
              override def cancelled(): Boolean = i == 1 && written.get() > 2 + 3 * round
            }
            start.await()
            ask(by, each.text(), asked(each), listener)
          }
        }
        for (((future, expected), i) <- answers.zip(alone).zipWithIndex) {
          val found = future.get(120, TimeUnit.SECONDS)
          if (i == 1) assert(found.exists(_.finishReason() == "cancelled"))
          else assert(found.map(told) == expected)
        }
      }
      assert(rows > 1)
    }
    assert(LongformRuntime.stats().kvBytes() == 0)
  }

  private def kvBytes(tokens: Int): Long = tokens * model.decoder().kvBytesPerToken(KvDType.F16)

  test("where memory has room for one answer at a time they are written one after the other") {
    val expected = ask(reader("context" -> "full", "kv_dtype" -> "f16"), needle.text(), questions)
    // whoever needs a page more than there is room for fails: there is no disk
    val by = reader(
      "context" -> "full",
      "kv_dtype" -> "f16",
      "kv_memory" -> kvBytes(1024 + 700).toString,
      "kv_directory" -> "/no/such/place"
    )
    var answers = Seq.empty[Answer]
    val rows = rowsOfPass { answers = ask(by, needle.text(), questions) }
    assert(answers.map(told) == expected.map(told))
    assert(rows == 1)
  }

  test("answers for which memory runs out while they are written together are written again alone") {
    val memory = new KvMemory(kvBytes(1024 + 128 + 10 * 900), Path.of("/no/such/place"))
    val options = Options.ofCall(Map("context" -> "full", "kv_dtype" -> "f16").asJava)
    val expected = ask(reader("context" -> "full", "kv_dtype" -> "f16"), needle.text(), questions)
    val hogs = mutable.Buffer[Session]()
    val ids = Array.fill(64)(5)
    val hogged = new AtomicBoolean
    val listener = new ReadListener {
      private var read = 0L
      // the first question was read: from now on there is no memory for another page
      override def tokensRead(tokens: Long): Unit = {
        read += tokens
        if (read > model.tokenizer().count(needle.text()) && !hogged.getAndSet(true)) {
          for (_ <- 0 until 20) {
            val strategy =
              ContextStrategies.create("full", Map("chunk-size" -> "64").asJava, model.decoder().limits())
            hogs += model
              .decoder()
              .open(strategy, SessionOptions.DEFAULT.withKvDType(KvDType.F16).withKvMemory(memory))
          }
          while (memory.memoryBytes() + 2 * kvBytes(64) <= memory.budgetBytes())
            hogs.head.feed(ids, 0, ids.length)
        }
      }
      override def decoded(nanos: Long): Unit = {
        hogs.foreach(_.close())
        hogs.clear()
      }
    }
    val counters = new ReadCounters
    val by = new SequentialReader(options, _ => model, NoFurtherModels, memory, counters)
    val answers = ask(by, needle.text(), questions.take(6), listener)
    assert(hogged.get())
    assert(answers.map(told) == expected.take(6).map(told))
    // some were read twice
    assert(counters.tokensRead() > answers.map(_.inputTokens()).head + 6 * 10)
    assert(counters.failedRows() == 0 && memory.memoryBytes() == 0)
  }

  test("a document for whose keys and values there is no memory at all still says so in each answer") {
    val answers =
      ask(reader("kv_memory" -> "0", "kv_directory" -> "/no/such/place"), needle.text(), questions)
    assert(answers.size == questions.size)
    assert(answers.forall(_.error().errorClass() == ErrorClass.OUT_OF_MEMORY))
  }
}
