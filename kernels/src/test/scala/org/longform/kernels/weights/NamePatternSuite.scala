package org.longform.kernels.weights

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

class NamePatternSuite extends AnyFunSuite {
  private val name = "model.layers.11.self_attn.q_proj"

  test("an expression matches all of a name, or its beginning") {
    val layers = NamePattern.of("model\\.layers\\.\\d+").get
    assert(layers.begins(name) && !layers.matches(name) && layers.matches("model.layers.3"))
    assert(NamePattern.of("(.*\\.)?(q_proj)").get.matches(name))
    assert(!NamePattern.of("(.*\\.)?(proj)").get.matches(name))
  }

  test("what is no expression, or too long for one, is none") {
    assert(!NamePattern.of("(").isPresent && !NamePattern.of("a" * 1001).isPresent)
  }

  test("a match that would take for ever is given up with a sentence") {
    val error = intercept[LongformException](NamePattern.of(".*" * 12 + "!").get.matches(name))
    assert(error.errorClass() == ErrorClass.INVALID_MODEL)
    assert(error.getMessage.contains("it takes too long. Write it in a simpler way."))
    assert(error.getMessage.length < 250)
  }
}
