package org.longform.kernels.model.prune

import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.gradient.{LayerParameters, LossGradients}
import org.longform.kernels.model.prune.PruningFixtures._
import org.longform.kernels.model.{NaiveDecoder, TinyModel}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** By what units are compared, and which of them stay. */
class ImportanceSuite extends AnyFunSuite {
  test("first-order importance is |w * finite difference| summed over all that belongs to a unit") {
    val model = TinyModel(headDim = 4, hidden = 8, intermediate = 6, layers = 1, seed = 9)
    val frequencies = NaiveDecoder.plainFrequencies(4)
    def loss(changed: TinyModel): Double = samples.map { ids =>
      val surprises =
        NaiveDecoder.surprises(new NaiveDecoder(changed, frequencies).logits(ids.toSeq), ids.toSeq)
      surprises.sum / surprises.size
    }.sum / samples.size
    def salience(matrix: String, places: Seq[Int]): Double = {
      val name = s"model.layers.0.$matrix.weight"
      places.map { at =>
        def moved(by: Double) = model.altering(name -> { values => values(at) += by; values })
        math.abs(model.weights(name)(at) * (loss(moved(1e-4)) - loss(moved(-1e-4))) / 2e-4)
      }.sum
    }
    def rows(range: Range, width: Int): Seq[Int] = range.flatMap(r => r * width until (r + 1) * width)
    def columns(range: Range, width: Int, height: Int): Seq[Int] =
      for (row <- 0 until height; column <- range) yield row * width + column
    TempDirectory.use { directory =>
      opened(model.write(directory)) { stored =>
        var scores: LayerScores = null
        LossGradients.compute(
          stored,
          samples.asJava,
          (layer: Int, parameters: LayerParameters) =>
            scores = LayerScores.of(parameters, stored.spec().layer(layer), 4, options(), layer)
        )
        for (channel <- 0 until 6) {
          val expected = salience("mlp.gate_proj", rows(channel to channel, 8)) +
            salience("mlp.up_proj", rows(channel to channel, 8)) +
            salience("mlp.down_proj", columns(channel to channel, 6, 8))
          assert(math.abs(scores.channels()(channel) - expected) < 1e-6)
        }
        for (kvHead <- 0 until 2) {
          val keys = kvHead * 4 until kvHead * 4 + 4
          val queries = kvHead * 8 until kvHead * 8 + 8
          val expected = salience("self_attn.q_proj", rows(queries, 8)) +
            salience("self_attn.k_proj", rows(keys, 8)) + salience("self_attn.v_proj", rows(keys, 8)) +
            salience("self_attn.o_proj", columns(queries, 16, 8))
          assert(math.abs(scores.kvHeads()(kvHead) - expected) < 1e-6)
        }
      }
    }
  }

  test("magnitudes, and what becomes of the members of a unit") {
    val model = TinyModel(heads = 2, kvHeads = 2, headDim = 2, hidden = 3, intermediate = 4, layers = 1)
    def weight(matrix: String): Array[Double] = model.weights(s"model.layers.0.mlp.$matrix.weight")
    TempDirectory.use { directory =>
      opened(model.write(directory)) { stored =>
        def channels(importance: Importance, aggregate: Aggregate): Seq[Double] =
          LayerScores
            .of(
              LayerParameters.read(stored, 0),
              stored.spec().layer(0),
              2,
              options(importance, aggregate = aggregate),
              0
            )
            .channels()
            .toSeq
        for ((importance, power) <- Seq(Importance.L1 -> 1, Importance.L2 -> 2)) {
          def sum(values: Seq[Double]): Double = values.map(v => math.pow(math.abs(v), power)).sum
          val members = (0 until 4).map { c =>
            Seq(
              sum(weight("gate_proj").slice(c * 3, c * 3 + 3).toSeq),
              sum(weight("up_proj").slice(c * 3, c * 3 + 3).toSeq),
              sum(weight("down_proj").toSeq.grouped(4).map(_(c)).toSeq)
            )
          }
          def same(aggregate: Aggregate, f: Seq[Double] => Double): Unit =
            channels(importance, aggregate).zip(members.map(f)).foreach { case (a, b) =>
              assert(math.abs(a - b) < 1e-12)
            }
          same(Aggregate.SUM, _.sum)
          same(Aggregate.PROD, _.product)
          same(Aggregate.MAX, _.max)
          same(Aggregate.FIRST, _.head)
          same(Aggregate.LAST, _.last)
        }
        def random(seed: Long): Seq[Double] = LayerScores
          .of(
            LayerParameters.read(stored, 0),
            stored.spec().layer(0),
            2,
            options(Importance.RANDOM, seed = seed),
            0
          )
          .channels()
          .toSeq
        assert(random(1) == random(1) && random(1) != random(2))
      }
    }
  }

  test("layer by layer the same part goes, all together the least of all, and one always stays") {
    val importances = Seq(Array(1.0, 5, 6, 7), Array(2.0, 2, 3, 9), Array(0.1, 0.2, 0.3, 0.4)).asJava
    def choose(ranking: PruneOptions.Ranking, removable: Int*): Seq[Seq[Int]] =
      seqs(new Survivors(ranking).choose(importances, removable.toArray))
    assert(choose(PruneOptions.Ranking.LOCAL, 1, 2, 0) == Seq(Seq(1, 2, 3), Seq(2, 3), Seq(0, 1, 2, 3)))
    assert(choose(PruneOptions.Ranking.LOCAL, 4, 0, -1) == Seq(Seq(3), Seq(0, 1, 2, 3), Seq(0, 1, 2, 3)))
    // 6 of those of all three layers; the third keeps its best
    assert(choose(PruneOptions.Ranking.GLOBAL, 2, 2, 2) == Seq(Seq(1, 2, 3), Seq(2, 3), Seq(3)))
    // layers outside of the range do not take part
    assert(choose(PruneOptions.Ranking.GLOBAL, 2, 2, -1) == Seq(Seq(1, 2, 3), Seq(3), Seq(0, 1, 2, 3)))
  }

  test("of 32 layers the first 4 and the last 2 are left alone, as in the paper") {
    assert(LayerRange.usual(32) == new LayerRange(4, 29))
    assert(LayerRange.usual(4) == new LayerRange(0, 3))
    assert(LayerRange.usual(80) == new LayerRange(10, 74))
  }
}
