package org.longform.kernels.model

import java.util.concurrent.{CompletableFuture, CountDownLatch, CyclicBarrier, TimeUnit}
import java.util.concurrent.atomic.{AtomicBoolean, AtomicLong}

import scala.collection.JavaConverters._
import scala.util.Random

import org.longform.kernels.attention.{AttentionPlan, ColumnMass}
import org.longform.kernels.cache.{KvDType, KvMemory, Rows}
import org.longform.kernels.context.{ContextStrategies, ContextStrategy, PlanRequest}
import org.longform.kernels.device.{DeviceProvider, Devices}
import org.longform.kernels.device.cpu.CpuDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures.{full, tokens}
import org.longform.kernels.tensor.{DType, Memory}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Sessions whose generated tokens are read together, each compared with itself alone. */
class DecodeBatcherSuite extends AnyFunSuite {
  private val Vocabulary = 300
  private val cpu = new CpuDevice()

  private def withDecoder[A](provider: DeviceProvider, dtype: DType = DType.Q8_0)(body: Decoder => A): A =
    TempDirectory.use { directory =>
      val shape = RandomLlama(2, 64, 4, 2, 32, 96, Vocabulary, tied = true, dtype, window = 64)
      val decoder = Decoder.load(shape.write(directory.resolve("random.gguf")), provider.open(2))
      try body(decoder)
      finally decoder.close()
    }

  private def strategy(decoder: Decoder, name: String): ContextStrategy =
    ContextStrategies.create(name, java.util.Map.of(), decoder.limits())

  private val names: Seq[String] = SessionFixtures.usable(64, 2).map(_.name())

  /** A document and the tokens that follow it, of one session. */
  private case class Story(context: String, document: Array[Int], written: Array[Int])

  private def story(seed: Int, context: String): Story = {
    val random = new Random(seed.toLong)
    Story(
      context,
      tokens(1 + random.nextInt(200), Vocabulary, seed.toLong),
      tokens(3 + random.nextInt(9), Vocabulary, seed + 1000L)
    )
  }

  private def open(
      decoder: Decoder,
      story: Story,
      wrap: ContextStrategy => ContextStrategy = identity,
      options: SessionOptions = SessionOptions.DEFAULT
  ): Session = {
    val session = decoder.open(wrap(strategy(decoder, story.context)), options)
    session.feed(story.document, 0, story.document.length)
    session.flush()
    session
  }

  private def alone(decoder: Decoder, story: Story): Seq[Seq[Float]] = {
    val session = open(decoder, story)
    try
      story.written.toSeq.map { token =>
        session.step(token)
        session.logits().toSeq
      }
    finally session.close()
  }

  private class Hooked(inner: ContextStrategy, hook: PlanRequest => Unit) extends ContextStrategy {
    override def nextChunk(read: Long, promptTokens: Long): Int = inner.nextChunk(read, promptTokens)
    override def questionChunk(): Int = inner.questionChunk()
    override def retain(held: Rows, length: Long): Rows = inner.retain(held, length)
    override def plan(request: PlanRequest): AttentionPlan = {
      hook(request)
      inner.plan(request)
    }
  }

  private def run[A](body: => A): CompletableFuture[A] = {
    val result = new CompletableFuture[A]()
    val thread = new Thread(() =>
      try result.complete(body)
      catch { case e: Throwable => result.completeExceptionally(e) }
    )
    thread.setDaemon(true)
    thread.start()
    result
  }

  private def get[A](future: CompletableFuture[A]): A = future.get(120, TimeUnit.SECONDS)

  private def refusal(errorClass: ErrorClass)(body: => Any): String = {
    val error = intercept[LongformException](body)
    assert(error.errorClass === errorClass)
    error.getMessage
  }

  test("threads that bring several sessions wait for memory before they read, so none waits for another") {
    val provider = Devices.ALL.asScala.find(_.whyUnavailable().isEmpty).get
    withDecoder(provider) { decoder =>
      TempDirectory.use { directory =>
        // two documents of four pages; each of four forks needs a page of its own
        val budget = new KvMemory(10L * 64 * decoder.kvBytesPerToken(KvDType.F32), directory)
        val stories =
          Seq(31, 32).map(seed => Story("full", tokens(250, Vocabulary, seed.toLong), Array(7, 9)))
        val bothHere = new CyclicBarrier(2)
        val threads = stories.map { story =>
          val polls = new AtomicLong
          val armed = new AtomicBoolean
          val options = new SessionOptions(() => {
            // a thread goes on with its second session when the other one has come as far
            if (armed.get && polls.incrementAndGet() == 2) bothHere.await(60, TimeUnit.SECONDS)
            false
          }).withKvDType(KvDType.F32).withKvMemory(budget)
          val session = open(decoder, story, options = options)
          val forks = Seq(session.fork(), session.fork())
          val steps = forks.map(new DecodeStep(_, story.written.head))
          (story, session, forks, steps, armed)
        }
        val running = threads.map { case (_, _, _, steps, armed) =>
          run {
            armed.set(true)
            decoder.batcher().read(steps.asJava)
          }
        }
        running.foreach(get(_))
        for ((story, _, _, steps, _) <- threads; step <- steps)
          assert(step.logits().toSeq == alone(decoder, story).head)
        threads.foreach { case (_, session, forks, _, _) => (forks :+ session).foreach(_.close()) }
      }
    }
  }

  private val devices = Devices.ALL.asScala.toSeq ++ cpu.variants().asScala

  for (provider <- devices if !provider.whyUnavailable().isPresent)
    test(s"on ${provider.name()} sessions of every strategy read together give the logits of each alone") {
      withDecoder(provider) { decoder =>
        val batcher = decoder.batcher()
        // more than one pass takes, and two of each strategy
        val stories = (0 until 12).map(i => story(i, names(i % names.size)))
        val expected = stories.map(alone(decoder, _))
        val sessions = stories.map(open(decoder, _))
        try
          for (step <- 0 until stories.map(_.written.length).max) {
            val going = stories.indices.filter(i => step < stories(i).written.length)
            val steps = going.map(i => new DecodeStep(sessions(i), stories(i).written(step)))
            batcher.read(steps.asJava)
            for ((i, read) <- going.zip(steps))
              assert(read.logits().toSeq == expected(i)(step), s"session $i, step $step")
          }
        finally sessions.foreach(_.close())
        assert(batcher.tokens() == stories.map(_.written.length).sum)
        if (batcher.limit() > 1) assert(batcher.passes() * 2 < batcher.tokens())
        else assert(batcher.passes() == batcher.tokens())
      }
    }

  for (dtype <- Seq(DType.F16, DType.F32, DType.Q4_0))
    test(s"a pass of the default device with $dtype weights gives the logits of each session alone") {
      withDecoder(Devices.choose("auto"), dtype) { decoder =>
        val stories = (0 until 8).map(i => story(50 + i, "full").copy(written = Array(5, 6, 7)))
        val sessions = stories.map(open(decoder, _))
        try {
          val expected = stories.map(alone(decoder, _))
          for (step <- 0 until 3) {
            val steps = sessions.zip(stories).map { case (s, of) => new DecodeStep(s, of.written(step)) }
            decoder.batcher().read(steps.asJava)
            assert(steps.map(_.logits().toSeq) == expected.map(_(step)))
          }
          assert(decoder.batcher().passes() == (if (decoder.batcher().limit() >= 8) 3 else 24))
        } finally sessions.foreach(_.close())
      }
    }

  test("many threads that join and leave when they like, and documents read beside them, change nothing") {
    withDecoder(Devices.choose("auto")) { decoder =>
      val before = Memory.allocatedBytes()
      val stories = (0 until 30).map(i => story(100 + i, names(i % names.size)))
      val expected = stories.map(alone(decoder, _))
      // each thread takes the next story, reads its document and writes it through the batcher
      val taken = new AtomicLong
      val threads = 10
      val start = new CyclicBarrier(threads)
      val done = (0 until threads).map { thread =>
        run {
          start.await()
          val random = new Random(thread.toLong)
          var i = taken.getAndIncrement().toInt
          while (i < stories.size) {
            val session = open(decoder, stories(i))
            try
              for ((token, step) <- stories(i).written.zipWithIndex) {
                if (random.nextInt(4) == 0) Thread.sleep(random.nextInt(3).toLong)
                assert(decoder.batcher().read(session, token).toSeq == expected(i)(step), s"story $i")
              }
            finally {
              decoder.batcher().leave(session)
              session.close()
            }
            i = taken.getAndIncrement().toInt
          }
        }
      }
      done.foreach(get(_))
      assert(decoder.batcher().tokens() == stories.map(_.written.length).sum)
      assert(decoder.batcher().passes() < decoder.batcher().tokens())
      assert(Memory.allocatedBytes() == before)
    }
  }

  /** Reads a token of each of two sessions, of which the first fails once it is armed. The other must not
    * notice, and the first can go on.
    */
  private def besideFailing(
      decoder: Decoder,
      arm: () => Unit,
      wrap: ContextStrategy => ContextStrategy = identity,
      options: SessionOptions = SessionOptions.DEFAULT
  )(check: DecodeStep => Unit): Unit = {
    val failing = story(201, "full")
    val sound = story(202, "full")
    val (first, second) = (open(decoder, failing, wrap, options), open(decoder, sound))
    try {
      val expected = (alone(decoder, failing).head, alone(decoder, sound).head)
      arm()
      val steps = Seq(new DecodeStep(first, failing.written(0)), new DecodeStep(second, sound.written(0)))
      decoder.batcher().read(steps.asJava)
      check(steps.head)
      assert(first.length() == failing.document.length && first.pendingTokens() == 1)
      assert(steps(1).logits().toSeq == expected._2)
      first.flush()
      assert(first.logits().toSeq == expected._1)
    } finally {
      first.close()
      second.close()
    }
  }

  test("a strategy that fails takes its own session out of a pass and no other") {
    withDecoder(Devices.choose("auto")) { decoder =>
      for (layer <- 0 to 1) {
        val armed = new AtomicBoolean
        def hook(request: PlanRequest): Unit =
          if (request.layer() == layer && armed.getAndSet(false)) throw new IllegalStateException("a bug")
        besideFailing(decoder, () => armed.set(true), new Hooked(_, r => if (armed.get()) hook(r))) { step =>
          assert(intercept[IllegalStateException](step.logits()).getMessage == "a bug")
        }
      }
    }
  }

  test("a session that is cancelled during a pass leaves the others alone") {
    withDecoder(Devices.choose("auto")) { decoder =>
      // asked once at first, then before each layer
      for (polls <- 0 to 2) {
        val left = new AtomicLong(Long.MaxValue)
        val options = new SessionOptions(() => left.getAndDecrement() == 0)
        besideFailing(decoder, () => left.set(polls.toLong), options = options) { step =>
          assert(refusal(ErrorClass.CANCELLED)(step.logits()).contains("the caller cancelled it"))
        }
      }
    }
  }

  test("a session without room for one more token leaves the others alone") {
    withDecoder(Devices.choose("auto")) { decoder =>
      TempDirectory.use { directory =>
        val budget =
          new KvMemory(3 * 64 * decoder.kvBytesPerToken(KvDType.F32), directory.resolve("missing"))
        val options = SessionOptions.DEFAULT.withKvMemory(budget)
        val full = story(203, "full").copy(document = tokens(192, Vocabulary, 203))
        val sound = story(204, "full")
        val (first, second) = (open(decoder, full, options = options), open(decoder, sound))
        try {
          val steps = Seq(new DecodeStep(first, 1), new DecodeStep(second, sound.written(0)))
          decoder.batcher().read(steps.asJava)
          assert(refusal(ErrorClass.OUT_OF_MEMORY)(steps.head.logits()).contains("Cannot move keys"))
          assert(steps(1).logits().toSeq == alone(decoder, sound).head)
        } finally {
          first.close()
          second.close()
        }
      }
    }
  }

  test("a session that is given two tokens at once reads the first and refuses the second") {
    withDecoder(Devices.choose("auto")) { decoder =>
      val of = story(205, "full")
      val session = open(decoder, of)
      try {
        val steps = of.written.take(2).map(new DecodeStep(session, _)).toSeq
        decoder.batcher().read(steps.asJava)
        val expected = alone(decoder, of)
        assert(steps.head.logits().toSeq == expected.head)
        assert(refusal(ErrorClass.INTERNAL)(steps(1).logits()).contains("a token of it is being read"))
        assert(decoder.batcher().read(session, of.written(1)).toSeq == expected(1))
      } finally session.close()
    }
  }

  test("attention and scores that are watched are told of each session as if it were alone") {
    withDecoder(Devices.choose("auto")) { decoder =>
      val stories = (0 until 4).map(i => story(300 + i, names(i % names.size)))
      def watched(read: Seq[(Session, Int)] => Unit): Seq[(Map[Long, Float], Seq[Double], SessionStats)] = {
        val mass = stories.map(_ => scala.collection.mutable.Map[Long, Float]())
        val scores = stories.map(_ => scala.collection.mutable.Buffer[Double]())
        val sessions = stories.map(open(decoder, _))
        try {
          for (i <- Seq(0, 1)) {
            val tap: ColumnMass = (row, value) => mass(i)(row) = mass(i).getOrElse(row, 0f) + value
            sessions(i).watch(tap)
          }
          for (i <- Seq(1, 2)) sessions(i).watchScores((_, _, surprise) => scores(i) += surprise)
          for (step <- 0 until 3) read(sessions.zip(stories.map(_.written(step))))
          stories.indices.map(i => (mass(i).toMap, scores(i).toList, sessions(i).stats()))
        } finally sessions.foreach(_.close())
      }
      val together = watched { each =>
        val steps = each.map { case (session, token) => new DecodeStep(session, token) }
        decoder.batcher().read(steps.asJava)
        steps.foreach(_.logits())
      }
      assert(together == watched(_.foreach { case (session, token) => session.step(token) }))
      assert(together.map(_._1.nonEmpty) == Seq(true, true, false, false))
      assert(together.map(_._2.size) == Seq(0, 3, 3, 0))
    }
  }

  // Who waits for whom is tested with a clock of its own: a pass takes an hour on it, so that a thread that
  // waits for one that will not come does not come back before the test has failed.

  private def withClock[A](body: (Decoder, DecodeBatcher, Session, Session) => A): A =
    withDecoder(Devices.choose("auto")) { decoder =>
      val clock = new AtomicLong
      def slow(inner: ContextStrategy) =
        new Hooked(inner, r => if (r.layer() == 0) clock.addAndGet(TimeUnit.HOURS.toNanos(1)))
      val first = open(decoder, story(401, "full"), slow)
      val second = open(decoder, story(402, "full"), slow)
      try body(decoder, new DecodeBatcher(8, () => clock.get()), first, second)
      finally {
        first.close()
        second.close()
      }
    }

  private def together(batcher: DecodeBatcher, sessions: Session*): Unit = {
    val steps = sessions.map(new DecodeStep(_, 7))
    batcher.read(steps.asJava)
    steps.foreach(_.logits())
  }

  test("a session alone waits for nobody") {
    withClock { (_, batcher, first, _) =>
      get(run((0 until 4).foreach(_ => batcher.read(first, 5))))
      assert(batcher.passes() == 4 && batcher.tokens() == 4)
    }
  }

  test("sessions that shared a pass share the next ones, whoever comes first") {
    withClock { (_, batcher, first, second) =>
      together(batcher, first, second)
      val readers = Seq(first, second).map { session =>
        run {
          val random = new Random(session.length())
          for (_ <- 0 until 20) {
            Thread.sleep(random.nextInt(3).toLong)
            batcher.read(session, 9)
          }
        }
      }
      readers.foreach(get(_))
      assert(batcher.passes() == 21 && batcher.tokens() == 42)
    }
  }

  test("a session waits for another of the last pass only until that one leaves") {
    withClock { (_, batcher, first, second) =>
      together(batcher, first, second)
      val reader = run(batcher.read(first, 3))
      Thread.sleep(50)
      assert(!reader.isDone)
      batcher.leave(second)
      assert(get(reader).length == Vocabulary)
      assert(batcher.passes() == 2)
      // and does not wait for it again
      get(run(batcher.read(first, 3)))
    }
  }

  test("a session that fails is not waited for") {
    withDecoder(Devices.choose("auto")) { decoder =>
      val clock = new AtomicLong
      val batcher = new DecodeBatcher(8, () => clock.get())
      val fails = new AtomicBoolean
      val first = open(
        decoder,
        story(403, "full"),
        new Hooked(_, _ => if (fails.get()) throw new IllegalStateException("a bug"))
      )
      val second =
        open(decoder, story(404, "full"), new Hooked(_, _ => clock.addAndGet(TimeUnit.HOURS.toNanos(1))))
      try {
        fails.set(true)
        batcher.read(Seq(first, second).map(new DecodeStep(_, 7)).asJava)
        get(run(batcher.read(second, 3)))
        assert(batcher.passes() == 2)
      } finally {
        first.close()
        second.close()
      }
    }
  }

  test("one that is slow to come back is waited for no longer than a pass takes") {
    withDecoder(Devices.choose("auto")) { decoder =>
      val (first, second) = (open(decoder, story(405, "full")), open(decoder, story(406, "full")))
      try {
        together(decoder.batcher(), first, second)
        // the other stays away without a word
        get(run((0 until 3).foreach(_ => decoder.batcher().read(first, 3))))
        assert(decoder.batcher().passes() == 4)
      } finally {
        first.close()
        second.close()
      }
    }
  }

  test("a thread that is interrupted while it waits reads its token and stays interrupted") {
    withClock { (_, batcher, first, second) =>
      together(batcher, first, second)
      val waits = new CountDownLatch(1)
      val reader = new CompletableFuture[Boolean]()
      val thread = new Thread(() => {
        waits.countDown()
        batcher.read(first, 3)
        reader.complete(Thread.currentThread().isInterrupted)
        ()
      })
      thread.start()
      waits.await()
      Thread.sleep(50)
      thread.interrupt()
      Thread.sleep(50)
      assert(!reader.isDone)
      batcher.leave(second)
      assert(get(reader))
    }
  }

  test("more sessions of one thread than a pass takes do not wait for each other") {
    withDecoder(Devices.choose("auto")) { decoder =>
      val clock = new AtomicLong
      val batcher = new DecodeBatcher(3, () => clock.get())
      val stories = (0 until 7).map(i => story(500 + i, "full"))
      val sessions = stories.map(
        open(decoder, _, new Hooked(_, _ => clock.addAndGet(TimeUnit.HOURS.toNanos(1))))
      )
      try {
        get(run((0 until 2).foreach(_ => together(batcher, sessions: _*))))
        assert(batcher.passes() == 6 && batcher.tokens() == 14)
      } finally sessions.foreach(_.close())
    }
  }
}
