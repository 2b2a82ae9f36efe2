package org.longform.kernels.model.prune

import java.nio.file.Path
import java.util.{List => JList}

import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model.{KeptUnits, StoredModel, TinyModel}

import scala.collection.JavaConverters._

/** Tiny models, cut to units that are told or by options, and the same models with units masked. */
object PruningFixtures {
  val samples = Seq(tokens(9, 50, 3), tokens(12, 50, 4))

  def options(
      importance: Importance = Importance.TAYLOR_FIRST,
      ratio: Double = 0.5,
      aggregate: Aggregate = Aggregate.SUM,
      attention: LayerRange = new LayerRange(0, 2),
      ffn: LayerRange = new LayerRange(0, 2),
      ranking: PruneOptions.Ranking = PruneOptions.Ranking.LOCAL,
      iterations: Int = 1,
      seed: Long = 42,
      mode: PruneOptions.Mode = PruneOptions.Mode.BLOCK
  ): PruneOptions =
    new PruneOptions(mode, importance, aggregate, ratio, attention, ffn, ranking, iterations, seed)

  def pruned(model: StoredModel, options: PruneOptions): StoredModel =
    new Pruning(options, samples.asJava).apply(model)

  def ints(lists: Seq[Seq[Int]]): JList[JList[Integer]] =
    lists.map(_.map(Int.box).asJava).asJava

  def cut(kvHeads: Seq[Int]*)(channels: Seq[Int]*)(model: StoredModel): StoredModel =
    Pruning.cut(model, new Kept(Kept.all(model.spec()).hidden(), ints(kvHeads), ints(channels)))

  def kept(path: Path): KeptUnits =
    opened(path)(model => KeptUnits.read(model.config(), model.spec().hidden(), model.spec().layerShapes()))

  def seqs(lists: JList[JList[Integer]]): Seq[Seq[Int]] =
    lists.asScala.map(_.asScala.map(_.intValue()).toList).toList

  /** The model with units masked: the columns that carry them on are zero. */
  def masked(model: TinyModel, kvHeads: Seq[Seq[Int]], channels: Seq[Seq[Int]]): TinyModel = {
    val sharers = model.heads / model.kvHeads
    model.altering((0 until model.layers).flatMap { layer =>
      def zero(width: Int, stays: Int => Boolean)(matrix: Array[Double]): Array[Double] = {
        for (i <- matrix.indices if !stays(i % width)) matrix(i) = 0
        matrix
      }
      val p = s"model.layers.$layer."
      val heads = model.heads * model.headDim
      Seq(
        s"${p}self_attn.o_proj.weight" -> zero(
          heads,
          column => kvHeads(layer).contains(column / model.headDim / sharers)
        ) _,
        s"${p}mlp.down_proj.weight" -> zero(model.intermediate, channels(layer).contains(_)) _
      )
    }: _*)
  }

  def someOf(count: Int, seed: Int): Seq[Int] =
    new scala.util.Random(seed).shuffle((0 until count).toList).take(math.max(1, count * 2 / 3)).sorted

  val groups = Seq(
    "G = 1" -> TinyModel(kvHeads = 4),
    "G = 2, tied embeddings" -> TinyModel(kvHeads = 2, tied = true, seed = 2),
    "G = 4, biases" -> TinyModel(heads = 8, kvHeads = 2, biases = true, seed = 3),
    "G = 3, BF16" -> TinyModel(heads = 9, kvHeads = 3, headDim = 4, dtype = "BF16", seed = 4)
  )
}
