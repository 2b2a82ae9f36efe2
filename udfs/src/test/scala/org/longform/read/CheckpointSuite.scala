package org.longform.read

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, IOException, InputStream}
import java.util.Optional
import java.util.concurrent.atomic.AtomicLong

import scala.collection.JavaConverters._
import scala.util.Random

import org.longform.datasets.tasks.{NeedleCase, NeedleCases, NeedleRequest}
import org.longform.kernels.error.ErrorClass
import org.longform.options.Options
import org.longform.prompt.Task
import org.longform.runtime.LongformRuntime
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** Readings that end in the middle of a document and are gone on with by another reader. */
class CheckpointSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val every = 700L
  private lazy val needle: NeedleCase = {
    val card = NeedleRequest.ofCard(4096)
    val request = new NeedleRequest(4096, card.depths(), 1, card.firstArticle())
    val counter = LongformRuntime.reader(java.util.Map.of[String, String]())
    new NeedleCases(request, text => 1 + counter.countTokens(text).toInt).asScala.next()
  }

  override def afterAll(): Unit = LongformRuntime.shutdown()

  private class Place extends CheckpointPlace {
    var left: Option[Array[Byte]] = None
    var written = 0
    override def open(): Optional[InputStream] =
      left.fold(Optional.empty[InputStream])(bytes => Optional.of(new ByteArrayInputStream(bytes)))
    override def replace(content: CheckpointPlace.Content): Unit = {
      val bytes = new ByteArrayOutputStream
      content.writeTo(bytes)
      left = Some(bytes.toByteArray)
      written += 1
    }
  }

  /** What was answered, and how many tokens were read for it. */
  private case class Outcome(answers: Seq[Answer], tokensRead: Long)

  private def read(
      place: CheckpointPlace,
      options: Map[String, String] = Map.empty,
      task: Task = Task.ASK,
      stopAfter: Long = Long.MaxValue,
      text: String = needle.text(),
      key: String = needle.id()
  ): Outcome = {
    val tokens = new AtomicLong
    val listener = new ReadListener {
      override def tokensRead(read: Long): Unit = tokens.addAndGet(read)
      override def cancelled(): Boolean = tokens.get > stopAfter
    }
    val questions = if (task == Task.ASK) needle.questions().asScala.map(_.fact().question()) else Seq("")
    val answers = LongformRuntime
      .reader((Map("context" -> "lm-infinite", "checkpoint_tokens" -> every.toString) ++ options).asJava)
      .read(new ReadRequest(text, task, questions.asJava, key, listener, place))
      .asScala
      .toList
      // the only thing that may differ
      .map { a =>
        new Answer(
          a.value,
          a.error,
          a.finishReason,
          a.inputTokens,
          a.outputTokens,
          a.attendedTokens,
          a.truncated,
          a.method,
          a.model,
          a.modelRevision,
          a.seed,
          0,
          a.evidence,
          a.rows,
          a.probabilities
        )
      }
    Outcome(answers, tokens.get)
  }

  private def stopped(options: Map[String, String] = Map.empty, task: Task = Task.ASK): Place = {
    val place = new Place
    val outcome = read(place, options, task, stopAfter = 2500)
    assert(outcome.answers.forall(_.error.errorClass == ErrorClass.CANCELLED))
    place
  }

  for {
    options <- Seq(
      Map("context" -> "lm-infinite"),
      Map("context" -> "lm-infinite", "kv_dtype" -> "q8"),
      Map("context" -> "streaming", "kv_dtype" -> "f32"),
      Map("context" -> "streaming", "repetition_penalty" -> "1.3", "max_input_tokens" -> "3000")
    )
    task <- Seq(Task.ASK, Task.PERPLEXITY)
  } test(s"a document that was left goes on, with the answer of an undisturbed reading: $task $options") {
    val undisturbed = read(CheckpointPlace.NONE, options, task)
    assert(undisturbed.answers.forall(_.error == null))
    val place = stopped(options, task)
    val later = read(place, options, task)
    assert(later.answers == undisturbed.answers)
    // the model read less than 500 tokens again, whatever tokens it had pending
    assert(later.tokensRead < undisturbed.tokensRead - 2000)
  }

  test("it goes on also after a second and a third end") {
    val place = stopped()
    assert(read(place, stopAfter = 500).answers.forall(_.error != null))
    assert(read(place, stopAfter = 900).answers.forall(_.error != null))
    val last = read(place)
    assert(last.answers == read(CheckpointPlace.NONE).answers && last.tokensRead < 1500)
  }

  test("a context that keeps the whole document leaves nothing, nor does anyone who wants none") {
    for (
      options <- Seq(
        Map("context" -> "reattention"),
        Map("context" -> "full"),
        Map("top_k_middle" -> "4"),
        Map("checkpoint_tokens" -> "0")
      )
    ) {
      val place = new Place
      read(place, options, stopAfter = 2500)
      assert(place.written == 0, s"$options")
    }
  }

  test("what is damaged, or of another document, model or method, is not gone on with") {
    val expected = read(CheckpointPlace.NONE)
    val whole = stopped().left.get
    def outcome(bytes: Array[Byte]): Outcome = {
      val place = new Place
      place.left = Some(bytes)
      read(place, Map("checkpoint_tokens" -> "1000000"))
    }
    assert(outcome(whole).tokensRead < expected.tokensRead)
    val random = new Random(4)
    val damaged = Seq.fill(4) {
      val copy = whole.clone()
      val at = random.nextInt(copy.length)
      copy(at) = (copy(at) ^ (1 << random.nextInt(8))).toByte
      copy
    }
    val version = whole.clone()
    version(11) = 2
    val shorter = Seq(0, 5, 30, whole.length / 2, whole.length - 1).map(whole.take)
    for (bytes <- damaged ++ shorter :+ version) assert(outcome(bytes) == expected)

    def elsewhere(options: Map[String, String] = Map.empty, key: String = needle.id()): Unit = {
      val place = new Place
      place.left = Some(whole)
      val none = read(CheckpointPlace.NONE, options, key = key)
      assert(read(place, options + ("checkpoint_tokens" -> "1000000"), key = key) == none)
    }
    elsewhere(key = "another document")
    elsewhere(Map("local_size" -> "300"))
    elsewhere(Map("kv_dtype" -> "q8"))
    elsewhere(Map("context" -> "streaming"))
  }

  test("a place that fails costs nothing but the checkpoint") {
    val failing = new CheckpointPlace {
      override def open(): Optional[InputStream] = throw new IOException("no access")
      override def replace(content: CheckpointPlace.Content): Unit = throw new IOException("disk full")
    }
    assert(read(failing) == read(CheckpointPlace.NONE))
  }

  test("a checkpoint is written when enough was read, and takes a hundredth of the time at most") {
    var now = 0L
    var writes = 0
    val slow = new CheckpointPlace {
      override def open(): Optional[InputStream] = Optional.empty()
      override def replace(content: CheckpointPlace.Content): Unit = {
        writes += 1
        now += 10
      }
    }
    val checkpoints =
      new Checkpoints(
        slow,
        new Checkpoint.Identity("revision", "method", "key"),
        new Checkpoints.Pace(100, 100),
        () => now
      )
    def reached(tokens: Long): Int = {
      checkpoints.reached(tokens, new Surprise, null)
      writes
    }
    assert(reached(99) == 0)
    assert(reached(100) == 1)
    now += 999
    assert(reached(400) == 1)
    now += 1
    assert(reached(401) == 2)
    now += 5000
    assert(reached(500) == 2 && reached(501) == 3)
    assert(Checkpoints.Pace.of(Options.defaults()) == new Checkpoints.Pace(1 << 18, 100))
    val given = Options.ofCall(java.util.Map.of("checkpoint_tokens", "5"))
    assert(Checkpoints.Pace.of(given) == new Checkpoints.Pace(5, 0))
  }
}
