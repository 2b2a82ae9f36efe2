package org.longform.bench.figures

import com.fasterxml.jackson.databind.ObjectMapper
import org.scalatest.funsuite.AnyFunSuite

class LineSuite extends AnyFunSuite {
  test("a line through two points meets both, and the area below is that of a trapezium") {
    val line = Line.fit(Array(256, 16384), Array(0.01, 0.05))
    assert(math.abs(line.at(256) - 0.01) < 1e-12 && math.abs(line.at(16384) - 0.05) < 1e-12)
    assert(math.abs(line.between(256, 16384) - 16128 * 0.03) < 1e-9)
  }

  test("of points that lie on no line the squares of the distances are least") {
    val line = Line.fit(Array(0, 1, 2), Array(0, 3, 0))
    assert(math.abs(line.perToken) < 1e-12 && math.abs(line.atZero - 1) < 1e-12)
  }

  test("a median is the middle, or between the two in the middle") {
    assert(Samples.median(3, 1, 2) == 2)
    assert(Samples.median(4, 1, 2, 3) == 2.5)
  }

  test("the roofline of more threads than were measured is that of the most") {
    val roofline = Roofline.parse(
      new ObjectMapper().readTree(
        """{"float32":"AVX2 FMA","int8":"x","threads":[
          |{"threads":1,"gflops":100,"gops":200,"gbytes":20},
          |{"threads":2,"gflops":190,"gops":380,"gbytes":30}]}""".stripMargin
      )
    )
    assert(roofline.floatInstructions == "AVX2 FMA")
    assert(roofline.at(1).gbytes == 20 && roofline.at(2).gops == 380 && roofline.at(8).gflops == 190)
  }
}
