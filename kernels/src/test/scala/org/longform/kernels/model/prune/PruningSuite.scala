package org.longform.kernels.model.prune

import java.nio.file.{Files, Path}
import java.util.{List => JList}

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.ChangedModels._
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model.prune.PruningFixtures._
import org.longform.kernels.model.{LayerShape, TinyModel}
import org.longform.kernels.tensor.{DType, Memory}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** A model without some of its units is the whole one with them masked, however it is written. */
class PruningSuite extends AnyFunSuite {
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
