package org.longform.kernels.model.families

import java.nio.file.{Files, Path}

import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.model.Decoder
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Every model family as GGUF file, with the names and the order of rows that llama.cpp's converter writes. */
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
}
