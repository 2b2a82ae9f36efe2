package org.longform.kernels.model.prune

import java.nio.file.{Files, Path}
import java.util.{List => JList}

import org.longform.kernels.cache.{KvDType, KvMemory}
import org.longform.kernels.context.{ContextStrategies, Promise}
import org.longform.kernels.device.Devices
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model.{
  KeptUnits,
  LayerShape,
  NaiveDecoder,
  Session,
  SessionOptions,
  StoredModel,
  TinyModel
}
import org.longform.kernels.model.gradient.{LayerParameters, LossGradients}
import org.longform.kernels.tensor.{DType, Memory}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.collection.mutable

class PruningSuite extends AnyFunSuite {
  private val samples = Seq(tokens(9, 50, 3), tokens(12, 50, 4))

  private def options(
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

  private def pruned(model: StoredModel, options: PruneOptions): StoredModel =
    new Pruning(options, samples.asJava).apply(model)

  private def ints(lists: Seq[Seq[Int]]): JList[JList[Integer]] =
    lists.map(_.map(Int.box).asJava).asJava

  private def cut(kvHeads: Seq[Int]*)(channels: Seq[Int]*)(model: StoredModel): StoredModel =
    Pruning.cut(model, new Kept(Kept.all(model.spec()).hidden(), ints(kvHeads), ints(channels)))

  private def kept(path: Path): KeptUnits =
    opened(path)(model => KeptUnits.read(model.config(), model.spec().hidden(), model.spec().layerShapes()))

  private def seqs(lists: JList[JList[Integer]]): Seq[Seq[Int]] =
    lists.asScala.map(_.asScala.map(_.intValue()).toList).toList

  /** The model with units masked: the columns that carry them on are zero. */
  private def masked(model: TinyModel, kvHeads: Seq[Seq[Int]], channels: Seq[Seq[Int]]): TinyModel = {
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

  private def someOf(count: Int, seed: Int): Seq[Int] =
    new scala.util.Random(seed).shuffle((0 until count).toList).take(math.max(1, count * 2 / 3)).sorted

  private val groups = Seq(
    "G = 1" -> TinyModel(kvHeads = 4),
    "G = 2, tied embeddings" -> TinyModel(kvHeads = 2, tied = true, seed = 2),
    "G = 4, biases" -> TinyModel(heads = 8, kvHeads = 2, biases = true, seed = 3),
    "G = 3, BF16" -> TinyModel(heads = 9, kvHeads = 3, headDim = 4, dtype = "BF16", seed = 4)
  )

  for (importance <- Importance.values())
    test(s"a ratio of 0 leaves every weight and the logits as they are: ${importance.word}") {
      val model = TinyModel(tied = true, seed = 7)
      val ids = tokens(20, model.vocabulary, 7)
      withChanged(model)(pruned(_, options(importance, ratio = 0))) { path =>
        val found = tensors(path)
        assert(found.keySet == model.weights.keySet)
        for ((name, values) <- found) assert(values.toSeq == model.weights(name).map(_.toFloat).toSeq, name)
        withDecoder(model)(decoder => assert(logits(path, ids).toSeq == logits(decoder, ids).toSeq))
      }
    }

  for ((what, model) <- groups)
    test(s"a pruned model equals the whole one with the same units masked: $what") {
      val ids = tokens(23, model.vocabulary, 1)
      val heads = Seq(Seq(model.kvHeads - 1), someOf(model.kvHeads, 5), (0 until model.kvHeads).toList)
      val channels = Seq(someOf(20, 6), Seq(19), (0 until 20).toList)
      val expected = naive(masked(model, heads, channels), ids)
      withChanged(model)(cut(heads: _*)(channels: _*)) { path =>
        assert(difference(logits(path, ids), expected) < 1e-5)
        // and not because nothing was removed
        assert(difference(logits(path, ids), naive(model, ids)) > 1e-3)
        val shapes = opened(path)(_.spec().layerShapes()).asScala
        val sharers = model.heads / model.kvHeads
        assert(shapes.map(_.kvHeads()) == heads.map(_.size))
        assert(shapes.map(_.heads()) == heads.map(_.size * sharers))
        assert(shapes.map(_.intermediate()) == channels.map(_.size))
      }
    }

  for ((what, model) <- groups if model.kvHeads > 1)
    test(s"gradients find units that carry nothing, and without them nothing changes: $what") {
      val ids = tokens(23, model.vocabulary, 1)
      val dead = model.kvHeads / 2
      val heads = Seq.fill(3)((0 until model.kvHeads).filterNot(_ == dead).toList)
      val channels = Seq(Seq(0, 7, 8), Seq(19, 3, 4), Seq(1, 2, 3)).map(gone =>
        (0 until 20).filterNot(gone.contains(_)).toList
      )
      val empty = masked(model, heads, channels)
      for (
        importance <- Seq(
          Importance.TAYLOR_FIRST,
          Importance.TAYLOR_SECOND,
          Importance.TAYLOR_MIX,
          Importance.TAYLOR_VECTOR
        )
      ) {
        // one of the heads and three of 20 channels
        val attention = options(importance, ratio = 1.0 / model.kvHeads, ffn = LayerRange.NONE)
        val ffn = options(importance, ratio = 0.15, attention = LayerRange.NONE)
        withChanged(empty)(stored => pruned(pruned(stored, attention), ffn)) { path =>
          assert(seqs(kept(path).kvHeads()) == heads, importance)
          assert(seqs(kept(path).channels()) == channels, importance)
          assert(difference(logits(path, ids), naive(empty, ids)) < 1e-6)
        }
      }
    }

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

  test("only whole heads go, only in the layers that were named, and steps add up") {
    // 4 key heads of 8: a half is 2 heads, 0.2 of 32 dimensions is not one
    val model = TinyModel(kvHeads = 4, seed = 11)
    def shapes(options: PruneOptions): Seq[LayerShape] =
      withChanged(model)(pruned(_, options))(path => opened(path)(_.spec().layerShapes().asScala.toList))
    val whole = new LayerShape(4, 4, 20)
    assert(shapes(options(Importance.L2, ratio = 0.2)) == Seq.fill(3)(new LayerShape(4, 4, 16)))
    assert(
      shapes(options(Importance.L1, attention = new LayerRange(1, 2), ffn = new LayerRange(0, 0))) ==
        Seq(new LayerShape(4, 4, 10), new LayerShape(2, 2, 20), new LayerShape(2, 2, 20))
    )
    assert(
      shapes(options(Importance.L1, attention = LayerRange.NONE, ffn = LayerRange.NONE)) == Seq.fill(3)(whole)
    )
    for (importance <- Seq(Importance.L2, Importance.TAYLOR_FIRST))
      assert(shapes(options(importance, iterations = 3)) == Seq.fill(3)(new LayerShape(2, 2, 10)))
    assert(shapes(options(Importance.L2, ratio = 0.999)) == Seq.fill(3)(new LayerShape(1, 1, 1)))
    val global = shapes(options(Importance.L2, ranking = PruneOptions.Ranking.GLOBAL))
    assert(global.map(_.kvHeads()).sum == 6 && global.map(_.intermediate()).sum == 30)
  }

  test("what was kept is told in the words of the original, also after a second pruning") {
    val model = TinyModel(kvHeads = 4, seed = 12)
    def all(n: Int) = (0 until n).toList
    withChanged(model) { stored =>
      val once = cut(Seq(1, 2, 3), all(4), Seq(0, 3))(Seq(5, 6, 9), all(20), all(20))(stored)
      cut(Seq(0, 2), Seq(3), Seq(1))(Seq(1, 2), all(20), Seq(7))(once)
    } { path =>
      val units = kept(path)
      assert(seqs(units.kvHeads()) == Seq(Seq(1, 3), Seq(3), Seq(3)))
      assert(seqs(units.channels()) == Seq(Seq(6, 9), all(20), Seq(7)))
      assert(units.originalLayers().asScala == Seq.fill(3)(new LayerShape(4, 4, 20)))
      val ids = tokens(15, model.vocabulary, 3)
      val expected = naive(masked(model, seqs(units.kvHeads()), seqs(units.channels())), ids)
      assert(difference(logits(path, ids), expected) < 1e-5)
    }
  }

  for ((what, model) <- groups)
    test(s"without hidden dimensions a model equals one whose dimensions are masked: $what") {
      val ids = tokens(23, model.vocabulary, 1)
      val stays = (0 until 24).filterNot(Set(0, 5, 11, 23)).toList
      def zeroColumns(matrix: Array[Double]): Array[Double] = {
        for (i <- matrix.indices if !stays.contains(i % 24)) matrix(i) = 0
        matrix
      }
      def zeroRows(matrix: Array[Double]): Array[Double] = {
        val width = matrix.length / 24
        for (i <- matrix.indices if !stays.contains(i / width)) matrix(i) = 0
        matrix
      }
      // the mean square is over 20 dimensions then, not over 24 of which 4 are zero
      def scaled(gain: Array[Double]): Array[Double] = gain.map(_ * math.sqrt(20.0 / 24))
      val layers = (0 until 3).flatMap { layer =>
        Seq("self_attn.o_proj", "mlp.down_proj").flatMap { name =>
          Seq("weight", "bias").map(end => s"model.layers.$layer.$name.$end" -> (zeroRows _))
        } ++ Seq("input_layernorm", "post_attention_layernorm").map { name =>
          s"model.layers.$layer.$name.weight" -> (scaled _)
        }
      }
      val changes = layers ++ Seq(
        "model.embed_tokens.weight" -> (zeroColumns _),
        "model.norm.weight" -> (scaled _)
      )
      val expected = naive(model.altering(changes.filter(c => model.weights.contains(c._1)): _*), ids)
      withChanged(model) { stored =>
        Pruning.cut(stored, Kept.all(stored.spec()).withHidden(stays.map(Int.box).asJava))
      } { path =>
        assert(opened(path)(_.spec().hidden()) == 20)
        assert(kept(path).hidden().asScala.map(_.intValue()) == stays)
        // but for the epsilon of the norms
        assert(difference(logits(path, ids), expected) < 1e-3)
        assert(difference(logits(path, ids), naive(model, ids)) > 1e-2)
      }
    }

  for (importance <- Importance.values())
    test(s"dimensions of the residual stream go by importance: ${importance.word}") {
      val model = TinyModel(seed = 15)
      val mode = PruneOptions.Mode.CHANNEL
      withChanged(model)(pruned(_, options(importance, ratio = 0, mode = mode))) { path =>
        for ((name, values) <- tensors(path)) assert(values.toSeq == model.weights(name).map(_.toFloat).toSeq)
      }
      withChanged(model)(pruned(_, options(importance, ratio = 0.25, iterations = 2, mode = mode))) { path =>
        assert(opened(path)(_.spec().hidden()) == 18 && kept(path).originalHidden() == 24)
        assert(logits(path, tokens(9, 50, 1)).forall(x => !x.isNaN))
      }
    }

  test("a dimension of small weights everywhere is the first to go, and drawn ones come from the seed") {
    val tiny = TinyModel(seed = 16)
    val dead = 7
    val model = tiny.altering(tiny.weights.keys.toSeq.map { name =>
      val byRows = name.contains("o_proj") || name.contains("down_proj") || name.contains("norm")
      name -> { (values: Array[Double]) =>
        val width = if (name.contains("norm")) 1 else if (byRows) values.length / 24 else 24
        for (i <- values.indices if (if (byRows) i / width else i % 24) == dead) values(i) /= 1024
        values
      }
    }: _*)
    for (importance <- Importance.values() if importance != Importance.RANDOM)
      withChanged(model)(pruned(_, options(importance, ratio = 0.04, mode = PruneOptions.Mode.CHANNEL))) {
        path =>
          assert(
            kept(path).hidden().asScala.map(_.intValue()) == (0 until 24).filterNot(_ == dead),
            importance
          )
      }
    def drawn(seed: Long) = withChanged(model)(
      pruned(_, options(Importance.RANDOM, mode = PruneOptions.Mode.CHANNEL, seed = seed))
    )(kept(_).hidden().asScala.toList)
    assert(drawn(1) == drawn(1) && drawn(1) != drawn(2))
  }

  test("the first layers alone are the model with the rest doing nothing") {
    val model = TinyModel(biases = true, seed = 17)
    val ids = tokens(15, model.vocabulary, 4)
    val idle = model.altering(Seq("self_attn.o_proj", "mlp.down_proj").flatMap { name =>
      Seq("weight", "bias").map(end =>
        s"model.layers.2.$name.$end" -> { (v: Array[Double]) => v.map(_ => 0.0) }
      )
    }: _*)
    TempDirectory.use { directory =>
      val source = model.write(Files.createDirectory(directory.resolve("source")))
      for (name <- Seq("first", "first.gguf")) {
        val path = rewrite(source, directory.resolve(name))(Pruning.firstLayers(_, 2))
        assert(opened(path)(_.spec().layers()) == 2)
        assert(difference(logits(path, ids), naive(idle, ids)) < 1e-5)
      }
      // from uneven layers, and again
      val uneven = rewrite(source, directory.resolve("uneven")) { stored =>
        val once = cut(Seq(1), Seq(0, 1), Seq(0))(Seq(1, 2), Seq(3), Seq(4, 5))(stored)
        Pruning.firstLayers(Pruning.firstLayers(once, 3), 2)
      }
      assert(
        opened(uneven)(_.spec().layerShapes().asScala) == Seq(
          new LayerShape(2, 1, 2),
          new LayerShape(4, 2, 1)
        )
      )
      assert(kept(uneven).originalLayers().size() == 2)
    }
  }

  test("nothing dangles: every tensor has the sizes of its layer, and none is missing or more") {
    val model = TinyModel(heads = 8, kvHeads = 4, biases = true, seed = 13)
    withChanged(model)(pruned(_, options(Importance.L1))) { path =>
      opened(path) { stored =>
        assert(stored.weights().names().asScala == model.weights.keySet)
        for (layer <- 0 until 3; shape = stored.spec().layer(layer)) {
          assert(shape == new LayerShape(4, 2, 10))
          def axes(name: String): Seq[Long] = {
            val found = stored.weights().shape(s"model.layers.$layer.$name").get()
            (0 until found.rank()).map(found.axis)
          }
          assert(axes("self_attn.q_proj.weight") == Seq(32, 24) && axes("self_attn.q_proj.bias") == Seq(32))
          for (name <- Seq("k_proj", "v_proj"))
            assert(axes(s"self_attn.$name.weight") == Seq(16, 24) && axes(s"self_attn.$name.bias") == Seq(16))
          assert(axes("self_attn.o_proj.weight") == Seq(24, 32) && axes("self_attn.o_proj.bias") == Seq(24))
          for (name <- Seq("gate_proj", "up_proj"))
            assert(axes(s"mlp.$name.weight") == Seq(10, 24) && axes(s"mlp.$name.bias") == Seq(10))
          assert(axes("mlp.down_proj.weight") == Seq(24, 10) && axes("mlp.down_proj.bias") == Seq(24))
        }
      }
    }
  }

  // layers of different heads and channels
  private val uneven = TinyModel(heads = 8, kvHeads = 4, window = 64, seed = 21)
  private val unevenHeads = Seq(Seq(1, 3), Seq(0, 1, 2), Seq(2))
  private val unevenChannels = Seq(someOf(20, 1), Seq(4, 5), (0 until 20).toList)

  private def withUneven[A](body: Path => A): A =
    withChanged(uneven)(cut(unevenHeads: _*)(unevenChannels: _*))(body)

  for (provider <- Devices.ALL.asScala if !provider.whyUnavailable().isPresent)
    test(s"device ${provider.name()} reads layers of different shapes, in every type of cache") {
      val ids = tokens(90, uneven.vocabulary, 22)
      val expected = naive(masked(uneven, unevenHeads, unevenChannels), ids)
      withUneven { path =>
        withDecoderAt(path, provider.open(2)) { decoder =>
          assert(difference(logits(decoder, ids), expected) < 1e-4)
          for (dtype <- KvDType.values()) {
            val session = decoder.open(full(decoder, 64), SessionOptions.DEFAULT.withKvDType(dtype))
            try {
              session.feed(ids, 0, ids.length)
              session.flush()
              assert(difference(session.logits(), expected) < 0.05, dtype)
            } finally session.close()
          }
        }
      }
    }

  test("the cache of a layer has room for its own heads alone") {
    withUneven { path =>
      withDecoderAt(path) { decoder =>
        // 2 + 3 + 1 heads of 8 numbers, keys and values
        assert(decoder.kvBytesPerToken(KvDType.F32) == 6 * 8 * 2 * 4)
        withSession(decoder, full(decoder, 16)) { session =>
          session.feed(tokens(64, uneven.vocabulary, 5), 0, 64)
          session.flush()
          assert(session.stats().kvBytes() == 64 * 6 * 8 * 2 * 4)
        }
      }
    }
  }

  test("with most of the cache on disk the logits are the same, and a saved session goes on") {
    val ids = tokens(500, uneven.vocabulary, 6)
    withUneven { path =>
      withDecoderAt(path) { decoder =>
        TempDirectory.use { directory =>
          def read(memory: KvMemory): (Seq[Float], Long) = {
            val options = SessionOptions.DEFAULT.withKvMemory(memory)
            val session = decoder.open(full(decoder, 64), options)
            try {
              session.feed(ids, 0, ids.length)
              session.flush()
              (session.logits().toSeq, session.stats().kvDiskBytes())
            } finally session.close()
          }
          val (expected, none) = read(KvMemory.UNLIMITED)
          val (found, some) = read(new KvMemory(0, directory))
          assert(none == 0 && some > 0)
          assert(found == expected)
        }
        def strategy = ContextStrategies.create("lm-infinite", java.util.Map.of(), decoder.limits())
        val bytes = new java.io.ByteArrayOutputStream()
        val expected = withSession(decoder, strategy) { session =>
          session.feed(ids, 0, 300)
          session.save(new java.io.DataOutputStream(bytes))
          session.feed(ids, 300, 200)
          session.flush()
          session.logits().toSeq
        }
        val in = new java.io.DataInputStream(new java.io.ByteArrayInputStream(bytes.toByteArray))
        val resumed = decoder.resume(strategy, SessionOptions.DEFAULT, in)
        try {
          resumed.feed(ids, 300, 200)
          resumed.flush()
          assert(resumed.logits().toSeq == expected)
        } finally resumed.close()
      }
    }
  }

  for (factory <- usable(64, 3))
    test(s"strategy ${factory.name()} reads layers of different shapes") {
      val document = tokens(300, uneven.vocabulary, 23)
      withUneven { path =>
        withDecoderAt(path) { decoder =>
          def fresh = ContextStrategies.create(factory.name(), java.util.Map.of(), decoder.limits())
          def read(piece: Int): Seq[Float] = withSession(decoder, fresh) { session =>
            document.indices.grouped(piece).foreach(part => session.feed(document, part.head, part.length))
            val fork = session.fork()
            try {
              def answer(of: Session): Seq[Float] = {
                of.ask(Array(4, 8, 15))
                of.step(9)
                of.logits().toSeq
              }
              val forked = answer(fork)
              assert(answer(session) == forked && forked.forall(x => !x.isNaN && !x.isInfinite))
              forked
            } finally fork.close()
          }
          assert(read(300) == read(37))
          if (factory.promises().contains(Promise.FULL_WHEN_SHORT)) {
            val short = document.take(10)
            val ofFull = withSession(decoder, full(decoder, 64)) { session =>
              session.ask(short)
              session.logits()
            }
            val found = withSession(decoder, fresh) { session =>
              session.ask(short)
              session.logits()
            }
            assert(difference(found, ofFull.map(_.toDouble)) < 1e-4)
          }
        }
      }
    }

  test("a pruned model goes to GGUF, also quantised, and back; and a GGUF file is pruned alike") {
    val model =
      TinyModel(heads = 4, kvHeads = 2, headDim = 32, hidden = 64, intermediate = 96, layers = 3, seed = 31)
    val ids = tokens(20, model.vocabulary, 31)
    val heads = Seq(Seq(1), Seq(0, 1), Seq(0))
    // whole blocks of 32 in one layer, none in the others
    val channels = Seq((0 until 64).toList, (1 until 96).toList, Seq(3, 95))
    val expected = naive(masked(model, heads, channels), ids)
    TempDirectory.use { directory =>
      val source = model.write(Files.createDirectory(directory.resolve("source")))
      val cutting = cut(heads: _*)(channels: _*) _
      val path = rewrite(source, directory.resolve("pruned"))(cutting)
      val exact = rewrite(path, directory.resolve("exact.gguf"))(identity)
      assert(opened(exact)(_.spec().layerShapes()) == opened(path)(_.spec().layerShapes()))
      assert(difference(logits(exact, ids), expected) < 1e-5)
      val eight = rewrite(path, directory.resolve("eight.gguf"), DType.Q8_0)(identity)
      assert(difference(logits(eight, ids), expected) < 0.05)
      assert(opened(eight)(m => m.matrixType()) == DType.Q8_0)
      val back = rewrite(exact, directory.resolve("back"))(identity)
      assert(difference(logits(back, ids), expected) < 1e-5)
      val whole = rewrite(source, directory.resolve("whole.gguf"))(identity)
      for (name <- Seq("again", "again.gguf")) {
        val again = rewrite(whole, directory.resolve(name))(cutting)
        assert(difference(logits(again, ids), expected) < 1e-5, name)
        assert(opened(again)(_.spec().layerShapes()) == opened(path)(_.spec().layerShapes()))
      }
    }
  }

  test("no memory is left behind, also by a calibration that is refused") {
    TempDirectory.use { directory =>
      val source = TinyModel().write(Files.createDirectory(directory.resolve("source")))
      val before = Memory.allocatedBytes()
      rewrite(source, directory.resolve("pruned"))(pruned(_, options()))
      intercept[LongformException](
        rewrite(source, directory.resolve("refused"))(
          new Pruning(options(), Seq(Array(1, 99)).asJava).apply(_)
        )
      )
      assert(Memory.allocatedBytes() == before)
    }
  }

  test("options out of range are refused") {
    def refused(body: => Any): String = {
      val error = intercept[LongformException](body)
      assert(error.errorClass == ErrorClass.INVALID_OPTION)
      error.getMessage
    }
    for (ratio <- Seq(-0.1, 1.0, Double.NaN))
      assert(
        refused(new Pruning(options(ratio = ratio), samples.asJava)) ==
          s"Cannot prune: the ratio must be from 0 on and below 1 ($ratio). Change the option."
      )
    assert(refused(new Pruning(options(iterations = 0), samples.asJava)).contains("at least 1 iteration (0)"))
    assert(
      refused(new Pruning(options(), JList.of()))
        .contains("importance taylor-first needs texts to compute gradients from")
    )
    assert(
      refused(withChanged(TinyModel())(Pruning.firstLayers(_, 4))(identity))
        .contains("4 layers cannot be kept of a model that has 3")
    )
    assert(
      refused(withChanged(TinyModel())(pruned(_, options(ffn = new LayerRange(1, 3))))(identity))
        .contains("feed-forward layers 1-3 are not all in the model, which has layers 0 to 2")
    )
  }
}
