package org.longform.bench.engines

import com.fasterxml.jackson.databind.ObjectMapper
import org.longform.kernels.error.LongformException
import org.scalatest.funsuite.AnyFunSuite

import java.util

class LlamaOutputSuite extends AnyFunSuite {
  private val command = util.List.of("llama-bench", "-o", "json")

  test("the rates of llama-bench are its samples") {
    val entry = new ObjectMapper().readTree("""{"n_prompt":512,"samples_ts":[120.5,130]}""")
    assert(LlamaBench.samples(entry, command).toSeq == Seq(120.5, 130.0))
  }

  test("an entry without samples is refused with the command") {
    val refusal = intercept[LongformException](
      LlamaBench.samples(new ObjectMapper().readTree("{}"), command)
    )
    assert(refusal.getMessage.contains("llama-bench -o json") && refusal.getMessage.contains("samples_ts"))
  }

  test("the perplexity is that of the final estimate") {
    val output = "[1]9.1,[2]8.2,\nFinal estimate: PPL = 8.2345 +/- 0.12\n"
    assert(LlamaPerplexity.parse(output, command) == 8.2345)
    assert(intercept[LongformException](LlamaPerplexity.parse("error", command)).getMessage.contains("none"))
  }
}
