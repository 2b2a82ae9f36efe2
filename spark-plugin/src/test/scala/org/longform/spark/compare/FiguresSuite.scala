package org.longform.spark.compare

import org.scalatest.funsuite.AnyFunSuite

/** Numbers as people read them. */
class FiguresSuite extends AnyFunSuite {
  test("three digits count, whatever the size") {
    assert(
      Seq(0, 0.0123, 1.234, 12.34, 123.4, 65536, 1.2e6, 0.0005).map(Figures.number) ==
        Seq("0", "0.0123", "1.23", "12.3", "123", "65536", "1.2e+06", "5.0e-04")
    )
  }

  test("counts go by thousands, bytes by powers of two") {
    assert(Seq(7.0, 999, 1500, 2e6).map(Figures.count) == Seq("7", "999", "1.5 k", "2.0 M"))
    assert(Seq(512.0, 2048, 3.0 * (1 << 30)).map(Figures.bytes) == Seq("512 B", "2.0 KiB", "3.0 GiB"))
  }

  test("marks on axes have no zeros at their ends, and keep those inside") {
    assert(
      Seq("2.00", "0.500", "10.0", "100", "1.0 k", "5.0e-04", "1.05").map(Figures.withoutZeros) ==
        Seq("2", "0.5", "10", "100", "1 k", "5e-04", "1.05")
    )
  }
}
