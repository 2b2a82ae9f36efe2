package org.longform.spark

import org.longform.kernels.error.LongformException
import org.scalatest.funsuite.AnyFunSuite

class JavaVersionSuite extends AnyFunSuite {

  test("Java 25 is refused with the reason and the remedy") {
    val message = intercept[LongformException](JavaVersion.check(25)).getMessage
    assert(
      message == "Cannot start Longform: this is Java 25, on which Spark's file access fails " +
        "(getSubject is not supported). Run Spark on Java 17."
    )
  }

  test("Java 11 is refused") {
    assert(intercept[LongformException](JavaVersion.check(11)).getMessage.contains("this is Java 11"))
  }

  test("the Java that runs the tests is accepted") {
    JavaVersion.check(Runtime.version().feature())
  }
}
