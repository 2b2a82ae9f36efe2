package org.longform.kernels.model

import java.util.concurrent.atomic.AtomicInteger

import scala.collection.JavaConverters._
import scala.collection.mutable

import org.longform.kernels.attention.{AttentionPlan, HeadScales}
import org.longform.kernels.context.{ContextStrategies, ContextStrategy, PlanRequest}
import org.longform.kernels.device.{DeviceProvider, Devices}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.DType
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Whole models read by the strategies that change positions, well beyond the trained window. */
class PositionSessionsSuite extends AnyFunSuite {
  private val devices: Seq[DeviceProvider] =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).toSeq
  private val document = tokens(150, 50, 5)

  /** Parameters with which the borders of blocks must not matter. */
  private val invariant: Map[String, Map[String, Any]] = Map(
    "string" -> Map("shifted-offset" -> 11, "small-local-value" -> 3),
    "mesa" -> Map("push-width" -> 5, "last-context" -> 12),
    "ms-poe" -> Map("scale-least" -> 1.4, "scale-most" -> 1.4, "scale-from-layer" -> 1),
    "clex" -> Map("frequencies" -> "ntk", "factor-from" -> "read")
  )

  private def strategy(decoder: Decoder, name: String, values: Map[String, Any] = Map()): ContextStrategy =
    ContextStrategies.create(name, values.map { case (k, v) => k -> v.toString }.asJava, decoder.limits())

  private def withTiny[A](provider: DeviceProvider, kvHeads: Int)(body: Decoder => A): A =
    TempDirectory.use { directory =>
      val model = TinyModel(kvHeads = kvHeads, window = 32, seed = 6)
      val decoder = Decoder.load(model.write(directory), provider.open(2))
      try body(decoder)
      finally decoder.close()
    }

  private def withRandom(dtype: DType)(body: Decoder => Unit): Unit =
    TempDirectory.use { directory =>
      val shape = RandomLlama(3, 256, 4, 2, 64, 256, 300, tied = true, dtype, window = 32)
      val path = shape.write(directory.resolve("random.gguf"))
      for (provider <- devices) withClue(provider.name()) {
        // two threads of ND4J's BLAS wait for each other in each product where processors are taken
        val decoder = Decoder.load(path, provider.open(if (provider.name() == "nd4j") 1 else 2))
        try body(decoder)
        finally decoder.close()
      }
    }

  /** Logits behind a document of so many tokens and behind each of those that are written then. */
  private def read(
      decoder: Decoder,
      strategy: ContextStrategy,
      count: Int = 140,
      piece: Int = 150,
      options: SessionOptions = SessionOptions.DEFAULT
  ): Seq[Array[Float]] = {
    val session = decoder.open(strategy, options)
    try {
      session.expectPromptTokens(140)
      (0 until count by piece).foreach(at => session.feed(document, at, math.min(piece, count - at)))
      session.flush()
      session.logits() +: document.drop(count).toSeq.map { token =>
        session.step(token)
        session.logits()
      }
    } finally session.close()
  }

  private def largest(expected: Seq[Array[Float]], actual: Seq[Array[Float]]): Double = {
    assert(expected.size == actual.size)
    expected.zip(actual).map { case (a, b) => difference(b, a.map(_.toDouble)) }.max
  }

  /** What a reading differs by if its blocks are cut otherwise, although no token sees anything else: a
    * device that rounds activations, too, rounds some the other way.
    */
  private def rounding(decoder: Decoder): Double = {
    def full(chunk: Int) = read(decoder, strategy(decoder, "full", Map("chunk-size" -> chunk)))
    math.max(1e-3, 8 * largest(full(150), full(7)))
  }

  private def assertInvariant(decoder: Decoder, name: String, clue: String, tolerance: Double): Unit = {
    val values = invariant(name)
    val expected = read(decoder, strategy(decoder, name, values + ("chunk-size" -> 150)))
    for ((chunk, piece) <- Seq((7, 150), (1, 33))) {
      val other = read(decoder, strategy(decoder, name, values + ("chunk-size" -> chunk)), piece = piece)
      assert(largest(expected, other) < tolerance, s"$clue, blocks of $chunk")
    }
    // the last ten tokens of the document as generated ones
    val decoded = read(decoder, strategy(decoder, name, values + ("chunk-size" -> 150)), count = 130)
    assert(largest(expected, decoded.drop(10)) < tolerance, s"$clue, decoded")
    val full = read(decoder, strategy(decoder, "full"))
    assert(largest(full, expected) > math.max(1e-2, tolerance), s"$clue: it does nothing")
  }

  for (name <- invariant.keys.toSeq.sorted; provider <- devices)
    test(s"$name on ${provider.name()} reads the same in blocks of any length, and writes as it reads") {
      for (kvHeads <- Seq(1, 2, 4))
        withTiny(provider, kvHeads) { decoder =>
          assertInvariant(decoder, name, s"$kvHeads key/value heads", rounding(decoder))
        }
    }

  for (dtype <- Seq(DType.Q8_0, DType.Q4_K))
    test(s"they do so with weights of $dtype") {
      withRandom(dtype) { decoder =>
        val tolerance = rounding(decoder)
        for (name <- invariant.keys.toSeq.sorted) assertInvariant(decoder, name, name, tolerance)
      }
    }

  private class Around(inner: ContextStrategy) extends ContextStrategy {
    override def nextChunk(read: Long, promptTokens: Long): Int = inner.nextChunk(read, promptTokens)
    override def questionChunk(): Int = inner.questionChunk()
    override def plan(request: PlanRequest): AttentionPlan = inner.plan(request)
    override def fork(): ContextStrategy = inner.fork()
  }

  test("Ms-PoE writes as it reads with the scales that it found") {
    for (kvHeads <- Seq(1, 2, 4)) withTiny(devices.head, kvHeads) { decoder =>
      val found = mutable.Map[Int, HeadScales]()
      val finding = new Around(strategy(decoder, "ms-poe", Map("chunk-size" -> 150))) {
        override def plan(request: PlanRequest): AttentionPlan = {
          val plan = super.plan(request)
          found(request.layer()) = plan.segments().get(0).headScales()
          plan
        }
      }
      val written = read(decoder, finding)
      assert(found(0).isNone && found(1).isNone && found(2).heads() == 4)
      val pinned = new Around(full(decoder, 9)) {
        override def plan(request: PlanRequest): AttentionPlan =
          AttentionPlan.of(super.plan(request).segments().get(0).withHeadScales(found(request.layer())))
      }
      assert(largest(written, read(decoder, pinned)) < 1e-4, s"$kvHeads key/value heads")
    }
  }

  test("questions that share a reading are answered as if each was alone") {
    for (name <- invariant.keys) withTiny(devices.head, 2) { decoder =>
      val values = if (name == "clex") Map[String, Any]("frequencies" -> "ntk") else Map[String, Any]()
      def session(): Session = {
        val session = decoder.open(strategy(decoder, name, values))
        session.expectPromptTokens(120)
        session.feed(document, 0, 120)
        session.flush()
        session
      }
      def answer(session: Session, question: Array[Int]): Seq[Float] = {
        try {
          session.ask(question)
          session.step(3)
          session.logits().toSeq
        } finally session.close()
      }
      val questions = Seq(Array(1, 2, 3), Array(9, 8, 7, 6, 5), Array(4))
      val alone = questions.map(question => answer(session(), question))
      val shared = session()
      try {
        assert(questions.map(question => answer(shared.fork(), question)) == alone, name)
        assert(questions.reverse.map(question => answer(shared.fork(), question)) == alone.reverse, name)
      } finally shared.close()
    }
  }

  test("a block that fails in the middle and is read again leaves no trace") {
    for (name <- invariant.keys) withTiny(devices.head, 2) { decoder =>
      val values = if (name == "clex") Map[String, Any]("frequencies" -> "ntk") else Map[String, Any]()
      val expected = read(decoder, strategy(decoder, name, values + ("chunk-size" -> 20)))
      val polls = new AtomicInteger
      // before the last layer of every second block
      val options = new SessionOptions(() => polls.incrementAndGet() % 8 == 4)
      val session = decoder.open(strategy(decoder, name, values + ("chunk-size" -> 20)), options)
      var failures = 0
      def insisting(body: => Unit): Unit =
        try body
        catch {
          case e: LongformException if e.errorClass() == ErrorClass.CANCELLED =>
            failures += 1
            insisting(session.flush())
        }
      try {
        session.expectPromptTokens(140)
        (0 until 140 by 20).foreach(at => insisting(session.feed(document, at, 20)))
        insisting(session.flush())
        val again = session.logits() +: document.drop(140).toSeq.map { token =>
          insisting(session.step(token))
          session.logits()
        }
        assert(failures > 5)
        // the borders of blocks may be others, as the tokens came in other portions
        assert(largest(expected, again) < 1e-4, name)
      } finally session.close()
    }
  }
}
