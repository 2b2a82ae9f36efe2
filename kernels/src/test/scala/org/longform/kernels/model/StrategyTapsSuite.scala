package org.longform.kernels.model

import java.util.Optional

import scala.collection.JavaConverters._
import scala.collection.mutable

import org.longform.kernels.attention.{AttentionPlan, HeadMass, QueryGain, Segment}
import org.longform.kernels.cache.{Gathering, Rows}
import org.longform.kernels.context.{ContextStrategies, ContextStrategy, ModelLimits, PlanRequest}
import org.longform.kernels.model.SessionFixtures._
import org.scalatest.funsuite.AnyFunSuite

/** What a strategy may ask of a session beside its plan. */
class StrategyTapsSuite extends AnyFunSuite {
  private val model = TinyModel(seed = 12)
  private val ids = tokens(40, model.vocabulary, 12)

  private class Asking(inner: ContextStrategy) extends ContextStrategy {
    var scored: mutable.Buffer[(Long, Double)] = mutable.Buffer()
    val mass: mutable.Map[(Int, Int, Long), Double] = mutable.Map().withDefaultValue(0.0)
    val events: mutable.Buffer[String] = mutable.Buffer()
    var probing: Array[Int] = Array()
    var wanted = true

    override def nextChunk(read: Long, promptTokens: Long): Int = inner.nextChunk(read, promptTokens)
    override def questionChunk(): Int = inner.questionChunk()
    override def plan(request: PlanRequest): AttentionPlan = {
      if (request.layer() == 0) events += s"plan ${request.tokens()} from ${request.firstRow()}"
      inner.plan(request)
    }
    override def watch(layer: Int): Optional[HeadMass] =
      if (wanted) Optional.of((_, head, row, some) => mass((layer, head, row)) += some) else Optional.empty()
    override def wantsScores(): Boolean = wanted
    override def scored(first: Long, surprises: Array[Double]): Unit = {
      events += s"scored ${surprises.length} from $first"
      surprises.indices.foreach(i => scored += ((first + i, surprises(i))))
    }
    override def probe(length: Long): Array[Int] = {
      events += s"probe at $length"
      probing
    }
    override def mostProbeTokens(): Int = probing.length
    override def retain(held: Rows, length: Long): Rows = {
      events += s"retain at $length"
      held
    }
  }

  private def read(decoder: Decoder, strategy: ContextStrategy): Array[Float] =
    withSession(decoder, strategy) { session =>
      session.feed(ids, 0, 30)
      session.flush()
      ids.drop(30).foreach(session.step)
      session.logits()
    }

  test("a strategy is told how surprising each token was, as who scores them is") {
    withDecoder(model) { decoder =>
      val asking = new Asking(full(decoder, 8))
      read(decoder, asking)
      withSession(decoder, full(decoder, 8)) { session =>
        session.feed(ids, 0, 1)
        session.flush()
        val expected = session.score(ids, 1, 39)
        assert(asking.scored.map(_._1) == (1L until 40L))
        asking.scored.map(_._2).zip(expected).foreach { case (a, b) => assert(math.abs(a - b) < 1e-4) }
      }
    }
  }

  test("before SirLLM forgets anything it was told what an offline reading of the conversation finds") {
    withDecoder(model) { decoder =>
      val sizes = Map("global-size" -> 2, "surprising-size" -> 50, "recent-size" -> 8, "chunk-size" -> 4)
      val told = mutable.Buffer[(Long, Double)]()
      var turns = 0
      var forgot = 0
      val sir = ContextStrategies.create(
        "sirllm",
        sizes.map { case (name, value) => name -> value.toString }.asJava,
        new ModelLimits(1 << 20, model.layers)
      )
      val listening = new ContextStrategy {
        override def nextChunk(read: Long, promptTokens: Long): Int = sir.nextChunk(read, promptTokens)
        override def questionChunk(): Int = sir.questionChunk()
        override def plan(request: PlanRequest): AttentionPlan = sir.plan(request)
        override def wantsScores(): Boolean = sir.wantsScores()
        override def scored(first: Long, surprises: Array[Double]): Unit = {
          surprises.indices.foreach(i => told += ((first + i, surprises(i))))
          sir.scored(first, surprises)
        }
        override def turn(): Unit = {
          turns += 1
          sir.turn()
        }
        override def gather(held: Rows, length: Long): Optional[Gathering] = {
          val wanted = sir.gather(held, length)
          if (wanted.isPresent) forgot += 1
          wanted
        }
        override def gathered(): Unit = sir.gathered()
      }
      // a document, a question, and an answer
      withSession(decoder, listening) { session =>
        session.feed(ids, 0, 21)
        session.ask(ids.slice(21, 30))
        ids.drop(30).foreach(session.step)
      }
      assert(turns == 1 && forgot == 0)
      withSession(decoder, full(decoder, 8)) { session =>
        session.feed(ids, 0, 1)
        session.flush()
        val expected = session.score(ids, 1, 39)
        assert(told.map(_._1) == (1L until 40L))
        told.map(_._2).zip(expected).foreach { case (a, b) => assert(math.abs(a - b) < 1e-4) }
      }
    }
  }

  test("a strategy learns which head of which layer attended to what, also beside who watches a session") {
    withDecoder(model) { decoder =>
      val asking = new Asking(full(decoder, 10))
      withSession(decoder, asking) { session =>
        var watched = 0.0
        session.watch((_, mass) => watched += mass)
        session.feed(ids, 0, 20)
        for (layer <- 0 until model.layers; head <- 0 until model.heads) {
          val rows = (0L until 20L).map(row => asking.mass((layer, head, row)))
          assert(math.abs(rows.sum - 20) < 1e-3 && rows.forall(_ > 0))
        }
        assert(math.abs(watched - model.layers * model.heads * 20) < 1e-2)
      }
    }
  }

  test("a probe is planned and attends like any block, and leaves no trace") {
    withDecoder(model) { decoder =>
      val quiet = new Asking(full(decoder, 10))
      quiet.wanted = false
      val expected = read(decoder, quiet)
      val asking = new Asking(full(decoder, 10))
      asking.probing = Array(3, 1, 4)
      assert(read(decoder, asking) sameElements expected)
      assert(
        asking.events.take(5) == Seq(
          "plan 10 from 0",
          "scored 9 from 1",
          "probe at 10",
          "plan 3 from 10",
          "retain at 10"
        )
      )
      assert(asking.mass.keySet.exists(_._3 >= 40), "a probe behind the last token attends to itself")
    }
  }

  test("a gain on the queries acts as larger queries do") {
    withDecoder(model) { decoder =>
      val plain = full(decoder, 10)
      def changed(change: AttentionPlan => AttentionPlan) = new ContextStrategy {
        override def nextChunk(read: Long, promptTokens: Long): Int = 10
        override def questionChunk(): Int = 10
        override def plan(request: PlanRequest): AttentionPlan = change(plain.plan(request))
      }
      val gained = read(decoder, changed(_.withGain(new QueryGain.LogLength(8))))
      // the same factor, said for each query in a segment of its own
      val segments = read(
        decoder,
        changed { plan =>
          val gain = new QueryGain.LogLength(8)
          val all: Segment = plan.segments().get(0)
          AttentionPlan.of((0L until 40L).map { row =>
            all
              .forQueries(new org.longform.kernels.attention.QueryRange(row, row + 1))
              .withLogitScale(gain.at(row))
          }: _*)
        }
      )
      assert(difference(gained, segments.map(_.toDouble)) < 1e-4)
      assert(difference(gained, read(decoder, full(decoder, 10)).map(_.toDouble)) > 1e-3)
    }
  }
}
