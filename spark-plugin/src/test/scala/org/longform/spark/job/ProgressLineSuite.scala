package org.longform.spark.job

import org.scalatest.funsuite.AnyFunSuite

import java.io.{ByteArrayOutputStream, PrintStream}
import java.time.Duration
import java.util.Optional

class ProgressLineSuite extends AnyFunSuite {
  private def state(documentsDone: Long, charactersDone: Long, tokensDone: Long, tokensRead: Long) =
    new ProgressLine.State(
      new WorkIndex.Amount(10, 12, 100000),
      documentsDone,
      charactersDone,
      tokensDone,
      tokensRead,
      Optional.empty[Duration]()
    )

  test("time left follows from the tokens of the characters that were read, and before that from a guess") {
    val begun = ProgressLine.text(state(0, 0, 0, 5000), Duration.ofSeconds(10))
    assert(begun == "0 of 10 documents, 5,000 tokens read, 500 tokens/s, 40 s left")
    // half a token for each character: 50,000 in all
    val later = ProgressLine.text(state(2, 20000, 10000, 12000), Duration.ofSeconds(10))
    assert(later == "2 of 10 documents, 12,000 tokens read, 1,200 tokens/s, 31 s left")
    assert(ProgressLine.text(state(0, 0, 0, 0), Duration.ofSeconds(1)).endsWith("time left unknown"))
  }

  test("what a job knows of its time goes before the guess") {
    val known = new ProgressLine.State(
      new WorkIndex.Amount(10, 12, 100000),
      2,
      20000,
      10000,
      12000,
      Optional.of(Duration.ofSeconds(75))
    )
    val text = ProgressLine.text(known, Duration.ofSeconds(10))
    assert(text == "2 of 10 documents, 12,000 tokens read, 1,200 tokens/s, 1 min 15 s left")
  }

  test("times are told in the two largest units") {
    assert(ProgressLine.clock(Duration.ofSeconds(59)) == "59 s")
    assert(ProgressLine.clock(Duration.ofSeconds(61)) == "1 min 01 s")
    assert(ProgressLine.clock(Duration.ofSeconds(7261)) == "2 h 01 min")
  }

  private def shown(screen: ProgressLine.Screen): String = {
    val out = new ByteArrayOutputStream
    var now = 0L
    val line = new ProgressLine(new PrintStream(out, true, "UTF-8"), screen, () => now)
    (1 to 100).foreach { i =>
      now += 200L * 1000 * 1000 // one poll
      line.show(state(0, 0, 0, i * 100))
    }
    line.end()
    out.toString("UTF-8")
  }

  test("on a terminal the line is written over, elsewhere there is a new one every ten seconds") {
    val terminal = shown(ProgressLine.Screen.TERMINAL)
    assert(terminal.count(_ == '\r') >= 30 && !terminal.contains("\n"))
    assert(shown(ProgressLine.Screen.LOG).linesIterator.size == 2)
  }
}
