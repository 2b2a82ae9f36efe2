package org.longform.spark.task

import org.scalatest.funsuite.AnyFunSuite

class RowKeySuite extends AnyFunSuite {

  test("equal texts give equal keys") {
    assert(RowKey.of("a document", "why?") == RowKey.of(new String("a document"), "why?"))
  }

  test("text moved from the document to the question changes the key") {
    assert(RowKey.of("ab", "c") != RowKey.of("a", "bc"))
  }
}
