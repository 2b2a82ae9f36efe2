package org.longform.spark.job

import java.nio.file.{Files, Path}

import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.device.Devices
import org.longform.kernels.model.Decoder
import org.longform.kernels.quantise.QuantisationMethods
import org.longform.tokenizer.Tokenizer
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** The command quantize, and the models it writes. */
class QuantizeCommandSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val folder: Path = Files.createTempDirectory("quantize")
  private val document =
    "Results\nThe median age of the Kelmos cohort was 57.3 years. " +
      "The sample size of the Veldra cohort was 4821. The code name of the Kelmos cohort was amber falcon."
  private val calibration = Files.writeString(folder.resolve("calibration.txt"), (document + "\n") * 60)

  override def afterAll(): Unit = {
    Files.walk(folder).sorted(java.util.Comparator.reverseOrder[Path]()).forEach(path => Files.delete(path))
  }

  private def run(arguments: String*): RanCommand = RanCommand.of("quantize" +: arguments: _*)

  private def quantize(to: Path, arguments: String*): RanCommand =
    run(Seq("--model", "longform-tiny", "--to", to.toString) ++ arguments: _*)

  /** exp of the mean of -ln p over the document's tokens. */
  private def perplexity(model: Path): Double = {
    val tokenizer = Tokenizer.load(model)
    val decoder = Decoder.load(model, Devices.choose("nd4j").open(1))
    try {
      val session =
        decoder.open(ContextStrategies.create("full", java.util.Map.of(), decoder.limits()))
      try {
        session.feed(Array(tokenizer.bosId().getAsInt), 0, 1)
        val ids = tokenizer.encode(document)
        val surprises = session.score(ids, 0, ids.length)
        math.exp(surprises.sum / surprises.length)
      } finally session.close()
    } finally {
      decoder.close()
      tokenizer.close()
    }
  }

  test("every method writes a model that still reads") {
    val plain = folder.resolve("plain.gguf")
    assert(RanCommand.of("convert", "--model", "longform-tiny", "--to", plain.toString).code == 0)
    val original = perplexity(plain)
    for (method <- QuantisationMethods.ALL.asScala) {
      val target = folder.resolve(method.name() + ".gguf")
      val flags =
        if (method.isCalibrated)
          Seq("--calibration", calibration.toString, "--samples", "4", "--sample-tokens", "256")
        else Nil
      val RanCommand(code, out, err) = quantize(target, Seq("--method", method.name()) ++ flags: _*)
      assert(code == 0, err)
      assert(out.startsWith("Weights of the layers: 100% as "))
      assert(out.contains(s"Wrote longform-tiny by ${method.name()}, ") && out.trim.endsWith(target.toString))
      assert(err.contains("Layer 4 is quantised"))
      assert(perplexity(target) < 1.5 * original, method.name())
    }
  }

  test("the help names every method and parameter") {
    val RanCommand(code, out, _) = run("--help")
    assert(code == 0)
    for (method <- QuantisationMethods.ALL.asScala) {
      assert(out.contains(method.name()))
      method.parameters().asScala.foreach(p => assert(out.contains("--" + p.name() + "=<value>")))
    }
  }

  test("wrong arguments of quantize are one sentence and exit code 2") {
    def refused(arguments: String*): String = {
      val RanCommand(code, _, err) = quantize(folder.resolve("no.gguf"), arguments: _*)
      assert(code == 2 && err.linesIterator.size == 1, err)
      err
    }
    assert(refused().contains("Missing required option: '--method=<name>'"))
    assert(
      refused("--method", "magic").contains("Cannot use method 'magic': it is unknown (known: rtn, gptq, awq")
    )
    assert(refused("--method", "gptq").contains("it needs a calibration text"))
    assert(refused("--method", "rtn", "--damp", "0.1").contains("Cannot use 'damp' with method 'rtn'"))
    assert(refused("--method", "rtn", "--bits", "many").contains("(value 'many')"))
    assert(refused("--method", "rtn", "--other-dtype", "int").contains("Cannot use option '--other-dtype'"))
    assert(refused("--method", "rtn", "--colour", "red").contains("--colour"))
    assert(!Files.exists(folder.resolve("no.gguf")))
  }
}
