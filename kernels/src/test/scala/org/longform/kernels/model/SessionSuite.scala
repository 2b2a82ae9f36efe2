package org.longform.kernels.model

import java.util.concurrent.atomic.AtomicInteger

import scala.collection.mutable

import org.longform.kernels.attention.{AttentionPlan, ColumnMass}
import org.longform.kernels.cache.{KvDType, Rows}
import org.longform.kernels.context.{ContextStrategy, PlanRequest}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.Memory
import org.scalatest.funsuite.AnyFunSuite

class SessionSuite extends AnyFunSuite {

  private val model = TinyModel(seed = 11)
  private val ids = tokens(40, model.vocabulary, 11)

  /** Full attention that notes the blocks it plans, in layer 0, and the lengths it was told. */
  private class Noted(inner: ContextStrategy, question: Int) extends ContextStrategy {
    val blocks: mutable.Buffer[Int] = mutable.Buffer()
    val told: mutable.Set[Long] = mutable.Set()
    override def nextChunk(read: Long, promptTokens: Long): Int = {
      told += promptTokens
      inner.nextChunk(read, promptTokens)
    }
    override def questionChunk(): Int = question
    override def plan(request: PlanRequest): AttentionPlan = {
      if (request.layer() == 0) blocks += request.tokens()
      inner.plan(request)
    }
  }

  /** Full attention over what is left when only the first and the last few tokens stay cached. */
  private class Forgetful(inner: ContextStrategy, first: Long, last: Long) extends ContextStrategy {
    override def nextChunk(read: Long, promptTokens: Long): Int = inner.nextChunk(read, promptTokens)
    override def questionChunk(): Int = inner.questionChunk()
    override def plan(request: PlanRequest): AttentionPlan = inner.plan(request)
    override def retain(held: Rows, length: Long): Rows =
      held.filter(row => row < first || row >= length - last)
  }

  private def refusal(errorClass: ErrorClass)(body: => Any): String = {
    val error = intercept[LongformException](body)
    assert(error.errorClass === errorClass)
    error.getMessage
  }

  private def readAll(decoder: Decoder, chunk: Int): Array[Float] =
    withSession(decoder, full(decoder, chunk)) { session =>
      session.feed(ids, 0, ids.length)
      session.flush()
      session.logits()
    }

  private def close(a: Array[Float], b: Array[Float]): Boolean = difference(a, b.map(_.toDouble)) < 1e-5

  test("the length of the blocks does not change full attention") {
    withDecoder(model) { decoder =>
      val whole = readAll(decoder, 64)
      for (chunk <- Seq(1, 3, 17)) assert(close(readAll(decoder, chunk), whole))
    }
  }

  test("blocks do not depend on how the caller cuts the stream") {
    withDecoder(model) { decoder =>
      val results = Seq(1, 5, 9, 40).map { piece =>
        val strategy = new Noted(full(decoder, 9), 3)
        withSession(decoder, strategy) { session =>
          ids.indices.grouped(piece).foreach(part => session.feed(ids, part.head, part.length))
          assert(session.length() === 36)
          assert(session.pendingTokens() === 4)
          session.ask(ids.take(7))
          (strategy.blocks.toList, session.logits().toList)
        }
      }
      assert(results.map(_._1).toSet === Set(List(9, 9, 9, 9, 4, 3, 3, 1)))
      assert(results.map(_._2).toSet.size === 1)
    }
  }

  test("the expected length reaches the strategy and cannot come late") {
    withDecoder(model) { decoder =>
      val strategy = new Noted(full(decoder, 9), 3)
      withSession(decoder, strategy) { session =>
        session.expectPromptTokens(123456789012L)
        session.feed(ids, 0, 1)
        assert(strategy.told === Set(123456789012L))
        assert(
          refusal(ErrorClass.INVALID_INPUT)(session.expectPromptTokens(5)).contains("reading began already")
        )
      }
    }
  }

  test("a fork goes on as the unforked session does, and the two do not touch each other") {
    withDecoder(model) { decoder =>
      val question = Array(3, 1, 4, 1, 5)
      def answer(session: Session, first: Int): Seq[Array[Float]] = {
        session.ask(question.map(id => (id + first) % 50))
        (0 until 4).map { step =>
          session.step(first + step)
          session.logits()
        }
      }
      def alone(first: Int): Seq[Array[Float]] = withSession(decoder, full(decoder, 7)) { session =>
        session.feed(ids, 0, ids.length)
        answer(session, first)
      }
      withSession(decoder, full(decoder, 7)) { session =>
        session.feed(ids, 0, ids.length)
        val fork = session.fork()
        try {
          assert(fork.pendingTokens() === session.pendingTokens())
          assert(fork.stats().prefilledTokens() === 0)
          val forked = answer(fork, 20)
          val original = answer(session, 7)
          assert(forked.map(_.toList) === alone(20).map(_.toList))
          assert(original.map(_.toList) === alone(7).map(_.toList))
        } finally fork.close()
        session.step(1)
        assert(session.length() === 40 + 5 + 4 + 1)
      }
    }
  }

  test("a fork of a flushed session knows the last logits") {
    withDecoder(model) { decoder =>
      withSession(decoder, full(decoder, 7)) { session =>
        session.feed(ids, 0, 14)
        val fork = session.fork()
        session.close()
        try assert(fork.logits().length === model.vocabulary)
        finally fork.close()
      }
    }
  }

  test("surprises equal those of the naive decoder, whole or in parts") {
    val naive = new NaiveDecoder(model, NaiveDecoder.plainFrequencies(model.headDim))
    val expected = NaiveDecoder.surprises(naive.logits(ids.toSeq), ids.toSeq)
    withDecoder(model) { decoder =>
      for (parts <- Seq(Seq(39), Seq(1, 20, 18), Seq.fill(13)(3)))
        withSession(decoder, full(decoder, 64)) { session =>
          session.feed(ids, 0, 1)
          var from = 1
          val found = parts.flatMap { count =>
            val part = session.score(ids, from, count)
            from += count
            part
          }
          assert(found.length === 39)
          found.zip(expected).foreach { case (a, b) => assert(math.abs(a - b) < 1e-4) }
        }
      withSession(decoder, full(decoder, 6)) { session =>
        val seen = mutable.Buffer[(Long, Int, Double)]()
        session.watchScores((row, token, surprise) => seen += ((row, token, surprise)))
        ids.indices.grouped(11).foreach(part => session.feed(ids, part.head, part.length))
        assert(seen.length === 35)
        session.flush()
        assert(seen.map(_._1) === (1L to 39L))
        assert(seen.map(_._2) === ids.tail.toSeq)
        seen.map(_._3).zip(expected).foreach { case (a, b) => assert(math.abs(a - b) < 1e-4) }
        session.unwatchScores()
        session.step(3)
        assert(seen.length === 39)
      }
    }
  }

  test("what nothing predicts cannot be scored") {
    withDecoder(model) { decoder =>
      withSession(decoder, full(decoder, 8)) { session =>
        assert(refusal(ErrorClass.INVALID_INPUT)(session.score(ids, 0, 5)).contains("nothing was read yet"))
        assert(refusal(ErrorClass.INVALID_INPUT)(session.logits()).contains("nothing was read yet"))
        session.feed(ids, 0, 5)
        assert(refusal(ErrorClass.INVALID_INPUT)(session.logits()).contains("5 tokens are pending"))
      }
    }
  }

  test("counters tell what was read, decoded and attended to") {
    withDecoder(model) { decoder =>
      withSession(decoder, full(decoder, 16)) { session =>
        session.feed(ids, 0, 40)
        session.ask(Array(1, 2))
        session.step(3)
        session.step(4)
        val stats = session.stats()
        assert(stats.prefilledTokens() === 42)
        assert(stats.decodedTokens() === 2)
        assert(stats.attendedTokens() === 16 + 32 + 40 + 42 + 43 + 44)
        assert(stats.kvBytes() === 64 * decoder.kvBytesPerToken(KvDType.F32))
        assert(stats.peakKvBytes() === stats.kvBytes())
      }
    }
  }

  test("what a strategy forgets is neither attended to nor kept in memory") {
    withDecoder(model) { decoder =>
      withSession(decoder, new Forgetful(full(decoder, 32), 4, 8)) { session =>
        (0 until 10).foreach(_ => session.feed(ids, 0, 32))
        assert(session.length() === 320)
        assert(session.stats().attendedTokens() === 32 + 9 * 44)
        assert(session.stats().kvBytes() <= 3 * 64 * decoder.kvBytesPerToken(KvDType.F32))
        assert(session.stats().peakKvBytes() <= 3 * 64 * decoder.kvBytesPerToken(KvDType.F32))
        assert(session.logits().forall(x => !x.isNaN && !x.isInfinite))
      }
    }
  }

  test("the evidence tap reports the whole attention of every layer while it is set") {
    withDecoder(model) { decoder =>
      withSession(decoder, full(decoder, 10)) { session =>
        val mass = new Array[Double](60)
        val tap: ColumnMass = (row, value) => mass(row.toInt) += value
        session.feed(ids, 0, 20)
        session.watch(tap)
        session.feed(ids, 20, 10)
        assert(math.abs(mass.sum - model.layers * model.heads * 10) < 1e-3)
        assert(mass.take(30).forall(_ > 0) && mass.drop(30).forall(_ == 0))
        val logits = { session.step(5); session.logits() }
        assert(math.abs(mass.sum - model.layers * model.heads * 11) < 1e-3)
        session.unwatch()
        session.step(6)
        assert(math.abs(mass.sum - model.layers * model.heads * 11) < 1e-3)
        withSession(decoder, full(decoder, 10)) { unwatched =>
          unwatched.feed(ids, 0, 30)
          unwatched.step(5)
          assert(unwatched.logits() === logits)
        }
      }
    }
  }

  test("tokens outside the vocabulary are refused and nothing is taken") {
    withDecoder(model) { decoder =>
      withSession(decoder, full(decoder, 2)) { session =>
        for (bad <- Seq(-1, 50, Int.MaxValue)) {
          val message = refusal(ErrorClass.INVALID_INPUT)(session.feed(Array(1, 2, 3, bad), 0, 4))
          assert(message.contains(s"Cannot read token $bad: it is not in the vocabulary (0 to 49)"))
          refusal(ErrorClass.INVALID_INPUT)(session.ask(Array(bad)))
          refusal(ErrorClass.INVALID_INPUT)(session.step(bad))
        }
        assert(session.length() === 0)
        assert(session.pendingTokens() === 0)
        intercept[IndexOutOfBoundsException](session.feed(ids, 38, 3))
      }
    }
  }

  test("a cancelled call leaves the session where its last block ended, and it can go on") {
    withDecoder(model) { decoder =>
      val expected = withSession(decoder, full(decoder, 8)) { session =>
        session.feed(ids, 0, 40)
        session.ask(Array(1, 2, 3))
        session.logits()
      }
      for (polls <- 0 until 24) {
        val left = new AtomicInteger(polls)
        val session =
          decoder.open(full(decoder, 8), new SessionOptions(() => left.getAndDecrement() == 0))
        try {
          val message = refusal(ErrorClass.CANCELLED) {
            session.feed(ids, 0, 40)
            session.ask(Array(1, 2, 3))
          }
          assert(message.contains(s"after ${session.length()} tokens"))
          assert(session.length() === math.min(polls / 4 * 8, 40))
          if (polls < 20) {
            assert(session.pendingTokens() === 40 - session.length())
            session.ask(Array(1, 2, 3))
          } else session.flush()
          assert(session.length() === 43)
          assert(session.logits() === expected)
        } finally session.close()
      }
    }
  }

  test("a failing strategy loses nothing but its block") {
    withDecoder(model) { decoder =>
      val inner = full(decoder, 8)
      val failures = new AtomicInteger(1)
      val strategy = new ContextStrategy {
        override def nextChunk(read: Long, promptTokens: Long): Int = inner.nextChunk(read, promptTokens)
        override def questionChunk(): Int = 0
        override def plan(request: PlanRequest): AttentionPlan = {
          if (request.layer() == 2 && request.firstRow() == 16 && failures.getAndDecrement() > 0)
            throw new IllegalStateException("a bug")
          inner.plan(request)
        }
      }
      withSession(decoder, strategy) { session =>
        intercept[IllegalStateException](session.feed(ids, 0, 40))
        assert(session.length() === 16)
        session.flush()
        assert(close(session.logits(), readAll(decoder, 8)))
        assert(
          refusal(ErrorClass.INVALID_PLAN)(session.ask(Array(1)))
            .contains("Cannot read 0 tokens as one block")
        )
      }
    }
  }

  test("an answer does not hold the memory that its document took to be read") {
    withDecoder(model) { decoder =>
      withSession(decoder, full(decoder, 256)) { session =>
        session.feed(tokens(256, model.vocabulary, 12), 0, 256)
        val before = Memory.allocatedBytes()
        session.step(1)
        // eight rows of activations are less than one page of keys and values
        assert(Memory.allocatedBytes() < before - 64 * decoder.kvBytesPerToken(KvDType.F32))
      }
    }
  }

  test("a closed session refuses work and leaves no memory behind") {
    withDecoder(model) { decoder =>
      val before = Memory.allocatedBytes()
      val session = decoder.open(full(decoder, 8))
      session.feed(ids, 0, 40)
      val fork = session.fork()
      fork.ask(Array(1, 2, 3))
      session.close()
      assert(Memory.allocatedBytes() > before)
      assert(refusal(ErrorClass.INTERNAL)(session.step(1)).contains("it is closed"))
      assert(refusal(ErrorClass.INTERNAL)(session.fork()).contains("it is closed"))
      assert(fork.logits().length === 50)
      fork.close()
      assert(Memory.allocatedBytes() === before)
    }
  }
}
