package org.longform.kernels.model

import java.nio.file.{Files, Path}
import java.util.Collections

import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.model.ChangedModels.opened
import org.longform.kernels.model.SessionFixtures.tokens
import org.longform.kernels.tensor.{DType, Memory, Shape, Tensor}
import org.longform.kernels.weights.SafetensorsFiles.{encode, Entry}
import org.longform.kernels.weights.checkpoint.Checkpoints
import org.longform.kernels.weights.{
  ForwardedWeights,
  SafetensorsFiles,
  SafetensorsWeights,
  TempDirectory,
  WeightSource
}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.collection.mutable
import scala.util.Random

/** Weights that lie in one stored tensor: what they take, and what they say of one that does not fit. */
class FusedWeightsSuite extends AnyFunSuite {
  private val phi = TinyFamilies
    .named("phi3")
    .altered(
      """,
        "hidden_size":64,"intermediate_size":96,"head_dim":16,"rope_scaling":null,"sliding_window":null,
        "quantization_config":{"quant_method":"gptq","bits":4,"group_size":32}"""
    )
  private val attention = "model.layers.0.self_attn."
  private val parts = Seq("q_proj", "k_proj", "v_proj").map(part => s"$attention$part.weight")

  /** Phi 3 with matrices of four bits: they are computed when they are asked for. */
  private def withPacked[A](body: StoredModel => A): A = TempDirectory.use { directory =>
    phi.write(directory)
    val random = new Random(3)
    rewritten(directory) { (name, shape, values) =>
      if (name.contains("_proj"))
        Checkpoints
          .gptq(shape.head.toInt, shape.last.toInt, 4, 32, symmetric = true, ordered = false, 1, random)
          .entries(name.stripSuffix(".weight"))
      else Seq(Entry(name, "F32", shape, encode("F32", values)))
    }
    opened(directory)(body)
  }

  /** Writes the tensors of a directory anew. */
  private def rewritten(directory: Path)(change: (String, Seq[Long], Seq[Float]) => Seq[Entry]): Unit = {
    val stored = SafetensorsWeights.open(directory)
    val entries =
      try
        stored.names().asScala.toSeq.sorted.flatMap { name =>
          val shape = stored.shape(name).get
          change(name, (0 until shape.rank()).map(shape.axis), stored.tensor(name, shape).toArray.toSeq)
        }
      finally stored.close()
    SafetensorsFiles.write(directory.resolve("model.safetensors"), entries)
  }

  private def part(model: StoredModel, name: String): Tensor =
    model.weights().tensor(name, model.weights().shape(name).get)

  // a block of 32 takes 18 bytes
  private def bytes(rows: Int): Long = rows * 64L / 32 * 18

  test("a stored matrix is computed once for all of its parts, and is gone when they are closed") {
    withPacked { model =>
      val before = Memory.allocatedBytes()
      def taken = Memory.allocatedBytes() - before
      val query = part(model, parts.head)
      val at = query.address()
      assert(query.dtype() === DType.Q4_0 && taken === bytes(128))
      query.close()
      val key = part(model, parts(1))
      assert(key.address() === at + bytes(64) && taken === bytes(128))
      val value = part(model, parts(2))
      key.close()
      assert(value.address() === at + bytes(96) && taken === bytes(128))
      assert(value.toArray.exists(_ != 0))
      value.close()
      value.close()
      assert(taken === 0)
      // and once more
      parts.map(part(model, _)).foreach(_.close())
      assert(taken === 0)
      val left = part(model, parts(1))
      model.close()
      assert(taken === 0)
      left.close()
    }
  }

  test("of a model that goes through its layers one by one, one layer is in memory") {
    withPacked { model =>
      val before = Memory.allocatedBytes()
      val walk = new LayerWalk(
        model.spec(),
        model.weights(),
        new ReferenceDevice().open(1),
        Collections.singletonList(tokens(5, 64, 1))
      )
      try
        for (layer <- 0 until model.spec().layers()) {
          walk.advance(layer, model.weights())
          // (5, 64): the residual stream
          assert(Memory.allocatedBytes() - before === 5 * 64 * 4, s"behind layer $layer")
        }
      finally walk.close()
      assert(Memory.allocatedBytes() === before)
    }
  }

  test("copies of rows that alternate are gone when they are closed, or with the model") {
    TempDirectory.use { directory =>
      TinyFamilies.named("internlm2").write(directory)
      val before = Memory.allocatedBytes()
      opened(directory) { model =>
        val names = Seq("q", "k", "v").map(part => s"model.layers.1.attention.wqkv.$part.weight")
        val copies = names.map(part(model, _))
        // (32 + 16 + 16, 24)
        assert(Memory.allocatedBytes() - before === 64 * 24 * 4)
        copies.head.close()
        copies.head.close()
        assert(Memory.allocatedBytes() - before === 32 * 24 * 4)
        assert(copies(1).toArray.exists(_ != 0))
      }
      assert(Memory.allocatedBytes() === before)
    }
  }

  private final class Counted(weights: WeightSource) extends ForwardedWeights(weights) {
    val asked: mutable.Map[String, Int] = mutable.Map.empty[String, Int].withDefaultValue(0)

    override def tensor(name: String, expected: Shape): Tensor = {
      asked(name) += 1
      source().tensor(name, expected)
    }

    override def close(): Unit = ()
  }

  test("a model is written with each weight asked for once") {
    TempDirectory.use { directory =>
      TinyFamilies.named("internlm2").write(directory)
      opened(directory) { model =>
        val counted = new Counted(model.weights())
        val file = directory.resolve("copy.safetensors")
        new ModelExport(model, counted, MatrixTypes.all(DType.F32)).writeSafetensors(file)
        assert(counted.asked.keySet.toSet === WeightShapes.of(model.spec()).keySet().asScala.toSet)
        assert(counted.asked.values.forall(_ == 1), counted.asked)
        val copy = SafetensorsWeights.openFile(file)
        val original = SafetensorsWeights.open(directory)
        try {
          assert(copy.names() === original.names())
          for (name <- original.names().asScala; shape = original.shape(name).get)
            assert(copy.tensor(name, shape).toArray === original.tensor(name, shape).toArray, name)
        } finally {
          copy.close()
          original.close()
        }
      }
    }
  }

  test("a stored tensor without the rows that it must have is told as what it is") {
    TempDirectory.use { directory =>
      val tiny = TinyFamilies.named("phi3")
      tiny.write(directory)
      Files.writeString(directory.resolve("config.json"), tiny.altered(""","num_key_value_heads":1""").config)
      opened(directory) { model =>
        assert(
          model.problems(2).get(0) ===
            "tensor 'model.layers.0.self_attn.q_proj.weight' has shape [64, 24], expected [32, 24]"
        )
      }
      tiny.write(directory)
      rewritten(directory) { (name, shape, values) =>
        if (name.contains("layers.2.self_attn.qkv_proj"))
          Seq(Entry(name, "F32", Nil, encode("F32", values.take(1))))
        else Seq(Entry(name, "F32", shape, encode("F32", values)))
      }
      opened(directory) { model =>
        assert(
          model.problems(9).asScala === Seq("q_proj" -> 32, "k_proj" -> 16, "v_proj" -> 16).map {
            case (name, rows) =>
              s"tensor 'model.layers.2.self_attn.$name.weight' has shape [], expected [$rows, 24]"
          }
        )
      }
    }
  }
}
