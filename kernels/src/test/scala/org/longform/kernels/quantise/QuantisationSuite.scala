package org.longform.kernels.quantise

import java.nio.file.Path
import java.util.Collections

import scala.collection.JavaConverters._

import org.longform.kernels.device.{Devices, Kernels}
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.model._
import org.longform.kernels.tensor.{DType, Memory, Shape, Tensor}
import org.longform.kernels.weights.TempDirectory
import org.longform.kernels.weights.checkpoint.Checkpoints
import org.scalatest.funsuite.AnyFunSuite

/** What every quantisation method owes, for all that are listed, and what each of them promises. */
class QuantisationSuite extends AnyFunSuite {
  private val grouped =
    TinyModel(heads = 4, kvHeads = 2, headDim = 16, hidden = 64, intermediate = 96, layers = 2, biases = true)
  private val models = Seq(
    "grouped queries and biases" -> grouped,
    "a key head for each query head, tied" ->
      grouped.copy(kvHeads = 4, biases = false, tied = true, seed = 2),
    "rows that are no whole blocks" -> TinyModel(layers = 2, biases = true, seed = 3)
  )
  private val few = Map("samples" -> "6", "sample-tokens" -> "40")
  private val devices =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).map(d => d.name() -> d.open(1))
  private val reference: Kernels = new ReferenceDevice().open(1)

  private def samples(model: TinyModel): Seq[Array[Int]] =
    (0 until 6).map(i => tokens(40, model.vocabulary, 100L + i))

  private def withStored[A](path: Path)(body: StoredModel => A): A = {
    val stored = StoredModel.open(path)
    try body(stored)
    finally stored.close()
  }

  private def quantisation(
      stored: StoredModel,
      method: QuantisationMethod,
      model: TinyModel,
      given: Map[String, String],
      kernels: Kernels = reference,
      progress: java.util.function.IntConsumer = _ => ()
  ): Quantisation = {
    val calibrated = if (method.isCalibrated) few else Map.empty[String, String]
    val values = Quantisation.values(method, (calibrated ++ given).asJava, stored.spec())
    val calibration =
      if (method.isCalibrated) new Calibration(kernels, samples(model).asJava) else null
    new Quantisation(stored.spec(), stored.weights(), method.quantiser(values), calibration, progress)
  }

  private def write(
      directory: Path,
      model: TinyModel,
      method: QuantisationMethod,
      given: Map[String, String],
      file: String = "q.gguf",
      kernels: Kernels = reference
  ): Path = withStored(directory) { stored =>
    val quantised = quantisation(stored, method, model, given, kernels)
    try {
      val export = new ModelExport(stored, quantised, quantised.types(DType.F32))
      val target = directory.resolve(file)
      export.writeGguf(target, export.ggufMetadata("test"))
      target
    } finally quantised.close()
  }

  private def logits(path: Path, ids: Array[Int], kernels: Kernels = reference): Array[Float] = {
    val decoder = Decoder.load(path, kernels)
    try
      withSession(decoder, full(decoder, 16)) { session =>
        session.feed(ids, 0, ids.length)
        session.flush()
        session.logits()
      }
    finally decoder.close()
  }

  private def weights(path: Path): Map[String, Seq[Float]] = withStored(path) { stored =>
    val names = stored.weights().names().asScala
    names.map { name =>
      name -> stored.weights().tensor(name, stored.weights().shape(name).get).toArray.toSeq
    }.toMap
  }

  private def bitsOf(method: QuantisationMethod): Seq[String] =
    method.parameters().asScala.find(_.name() == "bits").get.choices().asScala.toSeq

  test("names are unique, parameters of one name have one type, and defaults are allowed") {
    val methods = QuantisationMethods.ALL.asScala
    assert(methods.map(_.name()).distinct == methods.map(_.name()))
    val named = methods.flatMap(_.parameters().asScala).groupBy(_.name())
    assert(named.forall(_._2.map(_.`type`()).toSet.size == 1))
    val limits = new org.longform.kernels.context.ModelLimits(64, 2)
    for (method <- methods; parameter <- method.parameters().asScala)
      assert(!parameter.refusal(parameter.defaultValue()(limits).toString).isPresent, parameter.name())
  }

  for (method <- QuantisationMethods.ALL.asScala; (kind, model) <- models; bits <- bitsOf(method))
    test(s"${method.name()} with $bits bits, $kind: the written model answers alike on all devices") {
      TempDirectory.use { directory =>
        model.write(directory)
        val ids = tokens(30, model.vocabulary, 9)
        val original = logits(directory, ids)
        val file = write(directory, model, method, Map("bits" -> bits))
        val expected = logits(file, ids)
        val change = difference(expected, original.map(_.toDouble))
        val most = Map("8" -> 0.12, "4" -> 1.5, "3" -> 2.5)(bits)
        assert(change > 0 && change < most, "of the largest logit")
        for ((name, kernels) <- devices) {
          // on cpu activations are rounded to int8 where the weights lie in blocks
          val limit = if (name == "cpu") 0.35 else 1e-3
          assert(difference(logits(file, ids, kernels), expected.map(_.toDouble)) < limit, name)
        }
      }
    }

  for (method <- QuantisationMethods.ALL.asScala)
    test(s"${method.name()} leaves embedding, head and final norm as they were, and repeats itself") {
      TempDirectory.use { directory =>
        grouped.write(directory)
        val first = weights(write(directory, grouped, method, Map.empty))
        val again = weights(write(directory, grouped, method, Map.empty, "again.gguf"))
        assert(first == again)
        def original(name: String) = grouped.weights(name).map(_.toFloat).toSeq
        assert(first("token_embd.weight") == original("model.embed_tokens.weight"))
        assert(first("output.weight") == original("lm_head.weight"))
        assert(first("output_norm.weight") == original("model.norm.weight"))
        assert(first("blk.1.ffn_down.weight") != original("model.layers.1.mlp.down_proj.weight"))
      }
    }

  private val rtn = QuantisationMethods.byName("rtn")
  private val gptq = QuantisationMethods.byName("gptq")
  private val awq = QuantisationMethods.byName("awq")

  test("AWQ with exponent 0 and no clipping is round-to-nearest") {
    for (scheme <- Seq("symmetric", "asymmetric"); bits <- Seq("8", "4", "3"))
      TempDirectory.use { directory =>
        grouped.write(directory)
        val common = Map("bits" -> bits, "scheme" -> scheme, "group" -> "32")
        val plain = weights(write(directory, grouped, rtn, common))
        val same = write(directory, grouped, awq, common ++ Map("grid" -> "1", "clip" -> "false"), "a.gguf")
        assert(weights(same) == plain)
        assert(weights(write(directory, grouped, awq, common, "b.gguf")) != plain)
      }
  }

  test("GPTQ's options change the result, and its block size does not") {
    TempDirectory.use { directory =>
      grouped.write(directory)
      def with_(options: (String, String)*) =
        weights(write(directory, grouped, gptq, Map("bits" -> "4", "group" -> "32") ++ options, "o.gguf"))
      val plain = with_()
      assert(with_("block" -> "32") == plain)
      for (
        option <- Seq(
          "act-order" -> "true",
          "static-groups" -> "true",
          "true-sequential" -> "true",
          "damp" -> "0.5",
          "group" -> "0"
        )
      ) assert(with_(option) != plain, option)
    }
  }

  /** Sum of squares of what the first layer's projections of the calibration lose. */
  private def layerError(directory: Path, model: TinyModel, file: Path): Double = {
    val found = withStored(file) { stored =>
      LayerMatrix
        .values()
        .map { m =>
          m -> stored.weights().tensor(m.weightName(stored.spec(), 0), m.shape(stored.spec(), 0)).toArray
        }
        .toMap
    }
    withStored(directory) { stored =>
      val walk = new LayerWalk(stored.spec(), stored.weights(), reference, samples(model).asJava)
      var error = 0.0
      try
        walk.observe(
          0,
          stored.weights(),
          (_, input, x) => {
            // rows of queries and keys lie otherwise in the file
            for (m <- LayerMatrix.of(input).asScala if m != LayerMatrix.QUERY && m != LayerMatrix.KEY) {
              val width = x.shape().rowElements().toInt
              val original =
                stored.weights().tensor(m.weightName(stored.spec(), 0), m.shape(stored.spec(), 0)).toArray
              val lost = found(m).zip(original).map { case (a, b) => a.toDouble - b }.grouped(width).toSeq
              for (token <- x.toArray.grouped(width); row <- lost)
                error += math.pow(row.indices.map(i => row(i) * token(i)).sum, 2)
            }
          }
        )
      finally walk.close()
      error
    }
  }

  test("on its calibration GPTQ loses less than round-to-nearest") {
    for (bits <- Seq("4", "3"))
      TempDirectory.use { directory =>
        grouped.write(directory)
        val plain = layerError(directory, grouped, write(directory, grouped, rtn, Map("bits" -> bits)))
        val better =
          layerError(directory, grouped, write(directory, grouped, gptq, Map("bits" -> bits), "g.gguf"))
        assert(better < 0.9 * plain)
      }
  }

  for ((kind, model) <- models)
    test(s"scales folded into norms and projections change no logits: $kind") {
      TempDirectory.use { directory =>
        model.write(directory)
        val ids = tokens(30, model.vocabulary, 10)
        val expected = logits(directory, ids)
        withStored(directory) { stored =>
          val spec = stored.spec()
          val folded = new ChangedWeights(stored.weights())
          val random = new scala.util.Random(4)
          def scales(width: Int) = Array.fill(width)(math.exp(random.nextGaussian()).toFloat)
          try {
            for (layer <- 0 until spec.layers()) {
              val edit = new LayerEdit(spec, layer, folded, reference, null)
              for (input <- Seq(ProjectionInput.ATTENTION, ProjectionInput.FEED_FORWARD)) {
                val s = scales(spec.hidden())
                edit.divideNorm(input, s)
                LayerMatrix.of(input).asScala.foreach(edit.multiplyInput(_, s))
              }
              val s = scales(spec.intermediate(layer))
              edit.divideOutput(LayerMatrix.UP, s)
              edit.multiplyInput(LayerMatrix.DOWN, s)
              if (spec.kvWidth(layer) == spec.queryWidth(layer)) {
                val v = scales(spec.kvWidth(layer))
                edit.divideOutput(LayerMatrix.VALUE, v)
                edit.multiplyInput(LayerMatrix.OUTPUT, v)
              }
            }
            val export =
              new ModelExport(stored, folded, new MatrixTypes(DType.F32, DType.F32, Collections.emptyMap()))
            val file = directory.resolve("folded.gguf")
            export.writeGguf(file, export.ggufMetadata("test"))
            assert(difference(logits(file, ids), expected.map(_.toDouble)) < 1e-5)
            assert(
              weights(file)("blk.0.ffn_norm.weight") != model
                .weights(
                  "model.layers.0.post_attention_layernorm.weight"
                )
                .map(_.toFloat)
                .toSeq
            )
          } finally folded.close()
        }
      }
    }

  test("SmoothQuant's scales are those of its formula") {
    GroupedGridSuite.withTensor(Array(1f, -4f, 0f, 2f), 2, 2) { a =>
      GroupedGridSuite.withTensor(Array(3f, 1f), 1, 2) { b =>
        val scales = SmoothQuant.scales(Array(12f, 9f), java.util.List.of(a, b), 0.5)
        assert(math.abs(scales(0) - math.sqrt(12 / 3.0)) < 1e-6)
        assert(math.abs(scales(1) - math.sqrt(9 / 4.0)) < 1e-6)
        val all = SmoothQuant.scales(Array(12f, 0f), java.util.List.of(a, b), 1)
        assert(all(0) == 12f && all(1) == 1e-5f)
      }
    }
  }

  test("AWQ's scales lie around 1, and clipping never makes the searched error larger") {
    val found = AwqSearch.scales(Array(1.0, 4.0, 0.0), 0.5)
    assert(math.abs(found(1) / found(0) - 2) < 1e-6)
    assert(math.abs(found.max * found.min - 1) < 1e-6)
    val random = new scala.util.Random(5)
    val rounding = GroupedGridSuite.grid(3, Grid.Symmetry.SYMMETRIC, 32)
    // one weight of each group is far out: keeping its range spoils the others
    val weights = Array.tabulate(8 * 64)(i => if (i % 32 == 3) 8f else random.nextGaussian().toFloat)
    val x = Array.tabulate(50 * 64)(i => if (i % 32 == 3) 0.01f else random.nextGaussian().toFloat)
    def error(w: Array[Float]): Double = {
      val rounded = w.grouped(64).flatMap { row => rounding.round(row); row }.toArray
      x.grouped(64)
        .map { token =>
          rounded
            .zip(weights)
            .grouped(64)
            .map { row =>
              math.pow(row.zip(token).map { case ((a, b), t) => (a.toDouble - b) * t }.sum, 2)
            }
            .sum
        }
        .sum
    }
    GroupedGridSuite.withTensor(weights.clone(), 8, 64) { matrix =>
      GroupedGridSuite.withTensor(x, 50, 64) { inputs =>
        new AwqSearch(rounding, 20, reference).clip(matrix, inputs, 10)
      }
      assert(error(matrix.toArray) < 0.8 * error(weights.clone()))
      assert(matrix.toArray.map(math.abs(_)).max < 8)
    }
  }

  for ((bits, scheme) <- Seq(8 -> "SYMMETRIC", 4 -> "SYMMETRIC", 4 -> "ASYMMETRIC", 3 -> "ASYMMETRIC"))
    test(s"$bits bits $scheme: integer products are those of the levels' values with activations in int8") {
      val random = new scala.util.Random(6)
      val (rows, width) = (37, 320)
      val rounding = GroupedGridSuite.grid(bits, Grid.Symmetry.valueOf(scheme), 128)
      val weights = Array.fill(rows * width)(random.nextGaussian().toFloat)
      GroupedGridSuite.withTensor(weights, rows.toLong, width.toLong) { matrix =>
        val stored = rounding.round(matrix)
        try
          for (tokens <- Seq(3, 40)) {
            val x = Array.fill(tokens * width)(random.nextGaussian().toFloat)
            val int8 = x
              .grouped(32)
              .flatMap { block =>
                val scale = block.map(math.abs(_)).max.toDouble / 127
                block.map(v => math.rint(v / scale) * scale)
              }
              .toArray
            val values = stored.tensor().toArray
            for ((name, kernels) <- devices; taken = if (name == "cpu") int8 else x.map(_.toDouble)) {
              val weight = kernels.weight(stored.tensor())
              val out = Tensor.allocate(tokens.toLong, rows.toLong)
              try
                GroupedGridSuite.withTensor(x, tokens.toLong, width.toLong) { inputs =>
                  kernels.matmul(inputs, weight, out)
                  for (t <- 0 until tokens; o <- 0 until rows) {
                    val products = (0 until width).map(i => taken(t * width + i) * values(o * width + i))
                    val largest = products.map(math.abs).sum
                    // an activation half way between two codes may go either way
                    assert(
                      math.abs(out.get(t.toLong * rows + o) - products.sum) < 1e-4 * largest,
                      s"$name token $t row $o"
                    )
                  }
                }
              finally {
                out.close()
                weight.close()
              }
            }
          }
        finally stored.close()
      }
    }

  test("weights are asked for layer by layer, and only the asked layers are quantised") {
    TempDirectory.use { directory =>
      grouped.write(directory)
      withStored(directory) { stored =>
        val values = Quantisation.values(rtn, Collections.emptyMap(), stored.spec())
        val done = Seq.newBuilder[Int]
        val quantised =
          new Quantisation(stored.spec(), stored.weights(), rtn.quantiser(values), null, done += _)
        def ask(layer: Int, m: LayerMatrix) =
          quantised.tensor(m.weightName(stored.spec(), layer), m.shape(stored.spec(), layer))
        try {
          quantised.tensor("model.embed_tokens.weight", Shape.of(50, 64))
          assert(done.result().isEmpty)
          assert(ask(0, LayerMatrix.DOWN).dtype() == DType.Q5_0)
          assert(ask(1, LayerMatrix.QUERY).dtype() == DType.Q5_0)
          assert(done.result() == Seq(0, 1))
          val error = intercept[LongformException](ask(0, LayerMatrix.UP))
          assert(error.errorClass == ErrorClass.INTERNAL)
        } finally quantised.close()
      }
    }
  }

  test("parameters that do not fit are refused in a sentence") {
    TempDirectory.use { directory =>
      grouped.write(directory)
      withStored(directory) { stored =>
        def refused(method: String, given: (String, String)*): String = {
          val error = intercept[LongformException](
            Quantisation.values(QuantisationMethods.byName(method), Map(given: _*).asJava, stored.spec())
          )
          assert(error.errorClass == ErrorClass.INVALID_OPTION)
          error.getMessage
        }
        assert(refused("rtn", "bits" -> "5").contains("'bits' of method 'rtn': expected one of 8, 4, 3"))
        assert(
          refused("rtn", "damp" -> "0.1").contains("Cannot use 'damp' with method 'rtn': it has no such")
        )
        assert(refused("gptq", "damp" -> "-1").contains("must be at least 0"))
        assert(refused("gptq", "group" -> "x").contains("expected a whole number"))
        assert(
          refused("awq", "sample-tokens" -> "65").contains("trained to read 64 tokens at once (value 65)")
        )
        assert(refused("hqq").contains("Cannot use method 'hqq': it is unknown (known: rtn, gptq, awq"))
      }
    }
  }

  test("of a checkpoint in fewer bits one layer at a time is in memory") {
    val random = new scala.util.Random(4)
    val packed = grouped.copy(
      stored = grouped.matrices.map { case (name, out, in) =>
        val four = Checkpoints.gptq(out, in, 4, 32, symmetric = true, ordered = false, 1, random)
        name -> four.entries(name.stripSuffix(".weight"))
      }.toMap,
      rope = ""","quantization_config":{"quant_method":"gptq","bits":4,"group_size":32}"""
    )
    TempDirectory.use { directory =>
      packed.write(directory)
      withStored(directory) { stored =>
        for (method <- Seq("rtn", "gptq", "awq").map(QuantisationMethods.byName)) {
          val before = Memory.allocatedBytes()
          val quantised = quantisation(stored, method, packed, Map.empty)
          try {
            val taken = (0 until 2).map { layer =>
              quantised.tensor(s"model.layers.$layer.mlp.down_proj.weight", Shape.of(64, 96))
              Memory.allocatedBytes() - before
            }
            assert(taken(0) === taken(1), method.name())
          } finally quantised.close()
          assert(Memory.allocatedBytes() === before, method.name())
        }
      }
    }
  }

  test("no memory stays behind, also after a failure") {
    TempDirectory.use { directory =>
      grouped.write(directory)
      val before = Memory.allocatedBytes()
      write(directory, grouped, awq, Map.empty)
      withStored(directory) { stored =>
        val quantised =
          quantisation(
            stored,
            gptq,
            grouped,
            Map.empty,
            progress = _ => throw new IllegalStateException("no")
          )
        try
          intercept[IllegalStateException](
            quantised.tensor("model.layers.0.mlp.down_proj.weight", Shape.of(64, 96))
          )
        finally quantised.close()
      }
      assert(Memory.allocatedBytes() == before)
    }
  }
}
