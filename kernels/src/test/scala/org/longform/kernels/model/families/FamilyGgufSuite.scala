package org.longform.kernels.model.families

import java.nio.file.{Files, Path}

import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.model.Decoder
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.DType
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Every model family as GGUF file, with the names and the order of rows that llama.cpp's converter writes.
  */
class FamilyGgufSuite extends AnyFunSuite {
  private val text: Array[Int] = tokens(41, 101, 8)

  private def logits(path: Path): Array[Float] = {
    val decoder = Decoder.load(path, new ReferenceDevice().open(1))
    try
      withSession(decoder, full(decoder, 64)) { session =>
        session.feed(text, 0, text.length)
        session.flush()
        session.logits()
      }
    finally decoder.close()
  }

  for (family <- FamilyCases.ALL; gguf <- family.gguf)
    test(s"${family.name} as GGUF file has the logits of the directory") {
      TempDirectory.use { directory =>
        val model = family.checkpoint.write(Files.createDirectory(directory.resolve("model")))
        val file = gguf.write(directory.resolve("model.gguf"))
        assert(difference(logits(file), logits(model).map(_.toDouble)) < 1e-5)
      }
    }

  /** The same with whole blocks of 32 weights in each row, of which one has the largest value: then they are
    * multiples of the block's scale in Q8_0, and nothing is rounded.
    */
  private def widened(name: String, random: (String, Long) => Checkpoint): Checkpoint = {
    val config = FamilyCases.ALL
      .find(_.name == name)
      .get
      .checkpoint
      .config
      .replace("\"hidden_size\": 48", "\"hidden_size\": 96")
      .replace("\"d_model\": 48", "\"d_model\": 96")
      .replaceAll("\"intermediate_size\": \\d+", "\"intermediate_size\": 64")
    random(config, 1).altered { tensor =>
      if (tensor.shape.length == 1) tensor
      else
        tensor.copy(values = tensor.values.zipWithIndex.map { case (v, i) =>
          if (i % 32 == 0) 127 / 256.0 else v
        })
    }
  }

  private val parted = Seq[(String, Checkpoint, Checkpoint => GgufCopy)](
    ("queries, keys and values, gate and up", widened("Phi 4", PhiCases.random), PhiCases.gguf),
    ("experts", widened("Mixtral 8x7B", MixtralCases.random), MixtralCases.gguf),
    ("queries, keys and values of MPT", widened("MPT 7B", MptCases.random), MptCases.gguf)
  )

  for ((what, c, gguf) <- parted; dtype <- Seq(DType.Q8_0, DType.F16))
    test(s"$what that are one tensor of $dtype are those of the directory") {
      TempDirectory.use { directory =>
        val model = c.write(Files.createDirectory(directory.resolve("model")))
        val file = gguf(c).write(directory.resolve("model.gguf"), dtype)
        assert(difference(logits(file), logits(model).map(_.toDouble)) < 1e-5)
      }
    }
}
