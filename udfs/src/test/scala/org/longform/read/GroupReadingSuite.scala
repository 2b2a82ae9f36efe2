package org.longform.read

import org.longform.options.Options
import org.longform.prompt.Task
import org.longform.runtime.LongformRuntime
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** A group read row by row, compared with its text read as one string. The bundled model answers. */
class GroupReadingSuite extends AnyFunSuite with BeforeAndAfterAll {
  override def afterAll(): Unit = LongformRuntime.shutdown()

  private val SIZE = "What was the sample size of the Veldra cohort?"
  private val NAME = "What was the code name of the Kelmos cohort?"
  private val texts =
    Seq(
      "The median age of the Kelmos cohort was 57.3 years. The study was done in spring.",
      "The sample size of the Veldra cohort was 4821.",
      "Results\nThe code name of the Kelmos cohort was amber falcon. All data are open."
    )

  private class Group(rows: Seq[String]) extends DocumentSource {
    var kept = false
    var opened = 0
    override def keep(): Unit = {
      assert(kept || opened == 0, "too late")
      kept = true
    }
    override def parts(): java.util.Iterator[Part] = {
      opened += 1
      assert(kept || opened == 1, "the rows were not kept")
      rows.iterator.zipWithIndex.map { case (text, i) => new Part(s"key $i", i + 1L, text) }.asJava
    }
  }

  private def ask(options: Map[String, String], task: Task, questions: String*): Ask =
    new Ask(task, questions.asJava, Options.ofCall(options.asJava))

  private def read(source: DocumentSource, asks: Ask*): Seq[Seq[Answer]] =
    LongformRuntime
      .readTogether(source, asks.asJava, ReadListener.NONE)
      .asScala
      .map(_.asScala.toSeq)
      .toSeq

  private def readText(text: String, asks: Ask*): Seq[Seq[Answer]] =
    LongformRuntime.readTogether(text, asks.asJava, ReadListener.NONE).asScala.map(_.asScala.toSeq).toSeq

  /** What must be the same however the text came. */
  private def told(answer: Answer): Seq[Any] =
    Seq(
      answer.value(),
      answer.error(),
      answer.finishReason(),
      answer.inputTokens(),
      answer.outputTokens(),
      answer.attendedTokens(),
      answer.truncated(),
      answer.seed()
    )

  for (
    options <- Seq(
      Map.empty[String, String],
      Map("context" -> "lm-infinite"),
      Map(
        "context" -> "reattention",
        "profile" -> "faithful",
        "local_counts" -> "all",
        "global_size" -> "4",
        "local_size" -> "256",
        "span_size" -> "32",
        "question_chunk" -> "64",
        "chunk_size" -> "128"
      ),
      Map("temperature" -> "1.2", "seed" -> "5"),
      Map("max_input_tokens" -> "30")
    )
  )
    test(s"rows give the answers of their joined text: $options") {
      val asks = Seq(ask(options, Task.ASK, SIZE, NAME), ask(options, Task.SUMMARIZE, ""))
      val group = new Group(texts)
      val byRows = read(group, asks: _*)
      val joined = readText(texts.mkString("\n\n"), asks: _*)
      assert(joined.flatten.map(_.error()).forall(_ == null))
      assert(byRows.map(_.map(told)) == joined.map(_.map(told)))
      assert(byRows.flatten.forall(_.rows() == new RowTally(3, 0, List.empty[RowTally.RowError].asJava)))
    }

  test("one row gives the answer and the evidence of the row alone") {
    val asks = ask(Map.empty, Task.ASK, SIZE)
    val group = read(new Group(texts.slice(1, 2)), asks).head.head
    val alone = readText(texts(1), asks).head.head
    assert(told(group) == told(alone))
    assert(group.evidence().asScala.map(_.text()) == alone.evidence().asScala.map(_.text()))
  }

  test("evidence names the row it is from and counts its characters") {
    val Seq(size, name) = read(new Group(texts), ask(Map.empty, Task.ASK, SIZE, NAME)).head
    val best = Seq(size, name).map(_.evidence().get(0))
    assert(best.map(_.row()) == Seq(2, 3) && best.map(_.doc()) == Seq("key 1", "key 2"))
    assert(best.head.text() == texts(1) && best.head.start() == 0)
    assert(best(1).text() == "The code name of the Kelmos cohort was amber falcon.")
    for (answer <- Seq(size, name); span <- answer.evidence().asScala) {
      val row = texts(span.row().toInt - 1)
      assert(row.substring(span.start().toInt, span.end().toInt) == span.text())
    }
  }

  test("rows that were left out are counted beside the answer, and evidence keeps the others' places") {
    val rows = Seq("", texts(0), " ", texts(1))
    val answer = read(new Group(rows), ask(Map.empty, Task.ASK, SIZE)).head.head
    assert(answer.value() == texts(1))
    assert(answer.rows().rows() == 4 && answer.rows().skipped() == 2)
    assert(answer.evidence().get(0).row() == 4 && answer.evidence().get(0).text() == texts(1))
    val failed =
      read(new Group(rows), ask(Map("row_errors" -> "fail"), Task.ASK, SIZE)).head.head
    assert(failed.value() == null)
    assert(failed.error().message().startsWith("Cannot read the group: its row 1 ('key 0') cannot be read."))
  }

  test("rows are kept only if something asks for them again") {
    val without = Map("evidence_count" -> "0")
    val once = new Group(texts)
    read(once, ask(without, Task.ASK, SIZE), ask(without, Task.SUMMARIZE, ""))
    assert(!once.kept && once.opened == 1)
    val evidence = new Group(texts)
    read(evidence, ask(Map.empty, Task.ASK, SIZE))
    assert(evidence.kept && evidence.opened == 2)
    val twoReadings = new Group(texts)
    read(twoReadings, ask(without, Task.ASK, SIZE), ask(without + ("context" -> "streaming"), Task.ASK, SIZE))
    assert(twoReadings.kept && twoReadings.opened == 2)
  }
}
