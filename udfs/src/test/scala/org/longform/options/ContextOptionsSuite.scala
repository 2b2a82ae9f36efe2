package org.longform.options

import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.error.LongformException
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class ContextOptionsSuite extends AnyFunSuite {
  private def parameters(options: Options): Map[String, String] =
    ContextOptions.parametersOf(options).asScala.toMap

  private def call(pairs: (String, String)*): Options = Options.ofCall(pairs.toMap.asJava)

  test("strategies that use the same parameter name share one option") {
    val shared = AllOptions.ALL.asScala.filter(_.name == "global-size")
    assert(shared.size == 1)
    assert(shared.head.doc.startsWith("(streaming"))
    assert(shared.head.doc.contains("lm-infinite"))
    assert(shared.head.defaultText.contains("; lm-infinite: "))
  }

  test("every parameter of every strategy is an option, and every strategy a context") {
    for (factory <- ContextStrategies.ALL.asScala) {
      val chosen = Options.ofCall(Map("context" -> factory.name).asJava)
      assert(chosen.get(ContextOptions.CONTEXT) == factory.name)
      for (parameter <- factory.parameters.asScala)
        assert(OptionNames.ofCall(parameter.name).doc.contains(parameter.doc))
    }
  }

  test("the contexts that go on from a checkpoint are told, and no other one of bounded memory") {
    val told = RecoveryOptions.CHECKPOINT_TOKENS.doc
    assert(told.contains("lm-infinite") && told.contains("streaming"))
    assert(!told.contains("infinipot") && !told.contains("sirllm"), "these remember more than tokens")
  }

  test("parameters of the chosen strategy come back by name") {
    val options = call("context" -> "lm-infinite", "global_size" -> "8", "top_k_middle" -> "5")
    assert(parameters(options) == Map("global-size" -> "8", "top-k-middle" -> "5"))
    assert(parameters(Options.defaults()).isEmpty)
  }

  test("a parameter of another strategy is refused with the strategies that know it") {
    val error = intercept[LongformException](parameters(call("context" -> "lm-infinite", "span_size" -> "8")))
    assert(
      error.getMessage ==
        "Cannot use option 'span_size' with context 'lm-infinite': it belongs to reattention (value 8). Leave it out or choose reattention."
    )
    val none = intercept[LongformException](parameters(call("context" -> "full", "global_size" -> "8")))
    val owners = ContextStrategies.ALL.asScala
      .filter(_.parameters.asScala.exists(_.name == "global-size"))
      .map(_.name)
      .mkString(" or ")
    assert(none.getMessage.endsWith(s"it belongs to $owners (value 8). Leave it out or choose one of them."))
  }

  test("a session's parameters do not hinder a call that chooses another strategy") {
    val session =
      Options.ofSparkConf(Map("spark.longform.spanSize" -> "8", "spark.longform.globalSize" -> "3").asJava)
    assert(parameters(session.and(call("context" -> "full"))).isEmpty)
    assert(parameters(session.and(call("context" -> "streaming"))) == Map("global-size" -> "3"))
  }

  test("a value the strategy cannot take is refused") {
    val error = intercept[LongformException](parameters(call("context" -> "streaming", "local_size" -> "0")))
    assert(
      error.getMessage.startsWith(
        "Cannot use option 'local_size' with context 'streaming': must be at least 1 (0)."
      )
    )
  }
}
