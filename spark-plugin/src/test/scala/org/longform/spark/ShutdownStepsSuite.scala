package org.longform.spark

import org.longform.kernels.error.LongformException
import org.scalatest.funsuite.AnyFunSuite

class ShutdownStepsSuite extends AnyFunSuite {

  test("every step runs although one fails, and the first failure is told with the others") {
    var done = List.empty[String]
    def step(name: String, error: Option[RuntimeException]) = new ShutdownSteps.Step(
      name,
      () => {
        done = done :+ name
        error.foreach(throw _)
      }
    )
    val failure = intercept[LongformException] {
      ShutdownSteps.run(
        step("close a", Some(new IllegalStateException("a is stuck"))),
        step("close b", None),
        step("close c", Some(new IllegalStateException("c is stuck"))),
        step("close d", None)
      )
    }
    assert(done == List("close a", "close b", "close c", "close d"))
    assert(
      failure.getMessage ==
        "Cannot close a while shutting down: java.lang.IllegalStateException: a is stuck. " +
        "Other shutdown steps were run."
    )
    assert(failure.getSuppressed.map(_.getMessage.take(14)).toSeq == Seq("Cannot close c"))
  }

  test("nothing is thrown when every step succeeds") {
    var runs = 0
    ShutdownSteps.run(new ShutdownSteps.Step("count", () => runs += 1))
    assert(runs == 1)
  }
}
