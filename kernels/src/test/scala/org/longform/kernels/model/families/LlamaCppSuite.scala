package org.longform.kernels.model.families

import scala.io.Source

import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** The naive decoders against llama.cpp: where LLAMA_LOGITS names a program (ci/llama-logits makes it) that
  * is given a GGUF file and token ids and prints a line with the logits after each.
  */
class LlamaCppSuite extends AnyFunSuite {
  private val text: Array[Int] = tokens(41, 101, 8)

  /** llama.cpp looks GELU up in a table of half-precision numbers, and takes the approximation for the exact
    * one.
    */
  private val coarse =
    Map("gemma" -> 5e-3, "gemma2" -> 5e-3, "gemma3" -> 5e-3, "mpt" -> 5e-3).withDefaultValue(1e-4)

  private def logits(program: String, file: String): Seq[Array[Float]] = {
    val process = new ProcessBuilder((Seq(program, file) ++ text.map(_.toString)): _*)
      .redirectError(ProcessBuilder.Redirect.DISCARD)
      .start()
    val lines = Source.fromInputStream(process.getInputStream, "UTF-8").getLines().toVector
    assert(process.waitFor() === 0, "llama.cpp failed")
    lines.map(_.split(' ').map(_.toFloat))
  }

  for {
    program <- sys.env.get("LLAMA_LOGITS").toSeq
    family <- FamilyCases.ALL
    gguf <- family.gguf if gguf.llamaCppAgrees
  }
    test(s"llama.cpp computes what the naive decoder does: ${family.name}") {
      TempDirectory.use { directory =>
        val found = logits(program, gguf.write(directory.resolve("model.gguf")).toString)
        val expected = family.naive(text.toSeq)
        assert(found.length === text.length)
        val errors = found.zip(expected).map { case (a, b) => difference(a, b) }
        info(f"largest difference ${errors.max}%.1e of the largest logit")
        assert(errors.max < coarse(gguf.architecture))
      }
    }
}
